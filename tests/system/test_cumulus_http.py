"""Cumulus messages by HTTP: accepted, refused, and the same one twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from ingest import MESSAGE, Ingest, running_ingest
from unix_http import UnixConnection

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


BAD = [
    ({}, [1], "Cumulus.InvalidMessage"),
    ({}, {"meta": {}}, "Cumulus.InvalidMessage"),
    ({}, {"cumulus_meta": {}, "meta": 1}, "Cumulus.InvalidMessage"),
    ({}, {"cma": {}}, "Cumulus.InvalidMessage"),
    ({}, {"cumulus_meta": {}, "replace": {}}, "Cumulus.InvalidMessage"),
    ({"workflow": "No"}, {"cumulus_meta": {}}, "Cumulus.UnknownWorkflow"),
    ({"start_at": "no"}, {"cumulus_meta": {}}, "Cumulus.UnknownTask"),
]


@pytest.mark.parametrize(("asked", "body", "code"), BAD)
def test_a_bad_message_is_no_job(
    ingest: Ingest, asked: Mapping[str, str], body: Any, code: str
) -> None:
    """C-7: E1 to E5 have the same answer by either way."""
    query = urlencode({"workflow": "Wf", **asked})
    workflow, *more = {"workflow": "Wf", **asked}.values()
    before = jobs(ingest)

    status, _, by_http = ask(ingest, "POST", f"/cumulus?{query}", body)
    start = {"start_at": more[0]} if more else {}
    by_line = ingest.ask_for(workflow, {"message": body, **start})

    assert status == 400
    assert by_line == by_http
    assert by_line["error"]["type"] == "invalid_request"
    assert by_line["error"]["data"]["code"] == code
    assert jobs(ingest) == before


def jobs(ingest: Ingest) -> str:
    """Return what the administrator is told of all jobs."""
    return ingest.verb("list", "--all", "--json").stdout
