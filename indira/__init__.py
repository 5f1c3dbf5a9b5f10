"""An admin socket for any daemon: what may be asked, the server, the client."""
