"""NASA Cumulus: ingest workflows whose tasks hand one message on."""
