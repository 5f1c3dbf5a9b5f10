"""Cumulus messages by HTTP: accepted, refused, and the same one twice."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ingest import MESSAGE, Ingest, running_ingest

PROCEDURES = """
@procedure
def noop(input, config, cumulus_config=None):
    return {"done": True}
"""
DEFINITION = {"name": "Wf", "tasks": [{"name": "noop", "host": "w"}]}
META = {
    **MESSAGE["cumulus_meta"],
    "state_machine": "arn:aws:states:us-east-1:1:stateMachine:Wf",
}
NAMED = {**MESSAGE, "cumulus_meta": META}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """Run a dispatcher that listens to HTTP on a Unix socket too."""
    folder = tmp_path_factory.mktemp("ingest")
    table = f'dedupe = true\n[http]\nlisten = "unix:{folder}/http"\n'
    with running_ingest(folder, {"Wf": DEFINITION}, PROCEDURES, table=table) as running:
        yield running


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        """Connect to it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def ask(
    ingest: Ingest, method: str, path: str, body: Any = None
) -> tuple[int, Mapping[str, str], Any]:
    """Return status, headers and body of an answer."""
    connection = UnixConnection(ingest.daemon.directory.parent / "http")
    data = None if body is None else json.dumps(body)
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, data, headers)
    response = connection.getresponse()
    answer = (
        response.status,
        {n.lower(): v for n, v in response.headers.items()},
        json.loads(response.read()),
    )
    connection.close()
    return answer


def test_a_message_is_accepted(ingest: Ingest) -> None:
    """C-21: a job id, and where its result will be; the same body is the same job."""
    status, headers, told = ask(ingest, "POST", "/cumulus", NAMED)
    again = ask(ingest, "POST", "/cumulus", NAMED)
    place = headers["location"]
    result = ask(ingest, "GET", f"{place}?wait=20")

    assert status == 202
    assert again[2]["job_id"] == told["job_id"]
    assert told["job_id"] in place
    assert result[0] == 200
    assert result[2]["result"] == {**NAMED, "payload": {"done": True}}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/cumulus?workflow=Wf", [1], "Cumulus.InvalidMessage"),
        (
            "/cumulus?workflow=Wf",
            {"cumulus_meta": {}, "meta": 1},
            "Cumulus.InvalidMessage",
        ),
        ("/cumulus?workflow=Wf", {"cma": {}}, "Cumulus.InvalidMessage"),
        (
            "/cumulus?workflow=Wf",
            {"cumulus_meta": {}, "replace": {}},
            "Cumulus.InvalidMessage",
        ),
        ("/cumulus?workflow=No", {"cumulus_meta": {}}, "Cumulus.UnknownWorkflow"),
        (
            "/cumulus?workflow=Wf&start_at=no",
            {"cumulus_meta": {}},
            "Cumulus.UnknownTask",
        ),
    ],
)
def test_a_bad_message_is_no_job(
    ingest: Ingest, path: str, body: Any, code: str
) -> None:
    """C-7: E1 to E5."""
    status, _, told = ask(ingest, "POST", path, body)

    assert status == 400
    assert told["error"]["data"]["code"] == code
