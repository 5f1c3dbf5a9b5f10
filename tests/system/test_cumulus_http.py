"""Messages posted to the Cumulus adapter's path, through the daemon to their result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest import MESSAGE, Ingest, running_ingest
from openapi_document import Document
from web_client import ON, WebClient, web_client

PROCEDURES = """
@procedure
def count(input, config, cumulus_config=None):
    return {"n": len(input["text"])}
"""
DEFINITION = {"name": "Count", "tasks": [{"name": "count", "host": "w"}]}
LARGE = 3 * 2**20


@pytest.fixture(name="ingest", scope="module")
def fixture_ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """Run a dispatcher with the adapter and HTTP."""
    folder: Path = tmp_path_factory.mktemp("posted")
    table = f'[http]\nlisten = "{ON["http.listen"]}"\n'
    definitions = {"Count": DEFINITION}
    with running_ingest(folder, definitions, PROCEDURES, table=table) as ingest:
        yield ingest


@pytest.fixture(name="web")
def fixture_web(ingest: Ingest) -> Iterator[WebClient]:
    """Return a connection to it."""
    with web_client(ingest.daemon) as web:
        yield web


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_message_becomes_a_job_with_a_result(web: WebClient, size: int) -> None:
    """Where that is found is told at once, however long the message."""
    message = {**MESSAGE, "payload": {"text": "x" * size}}

    told = web.ask("POST", "/cumulus?workflow=Count", json.dumps(message).encode())
    result = web.get(f"{told.headers['Location']}?wait=30")

    assert told.status == 202
    assert told.value["job_id"] in told.headers["Location"]
    assert result.value["result"]["payload"] == {"n": size}


@pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("/cumulus?workflow=Count", b"nonsense", 400),
        ("/cumulus?workflow=None", b"{}", 400),
        ("/cumulus?wrokflow=Count", b"{}", 400),
        ("/cumulus", b"x" * (4 * 2**20 + 1), 413),
    ],
    ids=range(4),
)
def test_what_is_no_message_is_refused(
    web: WebClient, target: str, body: bytes, status: int
) -> None:
    """In the shape of our own errors."""
    told = web.ask("POST", target, body)

    assert told.status == status
    assert told.value["error"]["message"]


def test_its_path_is_in_the_document(web: WebClient) -> None:
    """Which stays valid with it."""
    document = Document(web.get("/openapi.json").value)

    assert document.complaints() == []
    assert document.value["paths"]["/cumulus"]["post"]["tags"] == ["cumulus"]
