"""Reading, renaming, cancelling and deleting workflows, and their page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from scripted_feeding import AT, UNKNOWN, Monitor, value

from harpcaller.adapters.panoptes.pages import POLICY
from harpcaller.adapters.panoptes.updates import MAX_ARGS_BYTES, MAX_NAME_CHARACTERS
from harpcaller.adapters.route import Events, FilePath
from protocol.errors import ErrorType, WireError
from protocol.jsontext import decode
from protocol.outcome import Cancelled

INFO = {"level": "job_info", "jobid": 4, "name": "b", "input": ["a"], "output": ["b"]}


def update(monitor: Monitor, job_id: str, message: Any) -> None:
    """Add a message to a workflow."""
    body = {"msg": message, "timestamp": "t", "id": job_id}
    assert monitor.ask("POST", "/update_workflow_status", body).status == 200


def test_workflows_are_listed_the_newest_first() -> None:
    """PL-7: in pages."""
    monitor = Monitor()
    ids = [monitor.created() for _ in range(5)][::-1]

    whole = value(monitor.ask("GET", "/api/workflows"))
    first = value(monitor.ask("GET", "/api/workflows?limit=2"))
    rest = value(monitor.ask("GET", f"/api/workflows?after={ids[1]}&limit=9"))

    assert [one["id"] for one in whole["workflows"]] == ids
    assert whole["count"] == 5
    assert [one["id"] for one in first["workflows"]] == ids[:2]
    assert [one["id"] for one in rest["workflows"]] == ids[2:]
    assert monitor.ask("GET", "/api/workflows?after=x").status == 404


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "limit=", "limit=" + "9" * 5000],
    ids=["none", "many", "word", "empty", "digits"],
)
def test_a_page_that_there_is_not_is_refused(query: str) -> None:
    """Rather than another one."""
    with pytest.raises(WireError) as caught:
        Monitor().ask("GET", f"/api/workflows?{query}")

    assert caught.value.type is ErrorType.INVALID_REQUEST


def test_a_workflow_that_is_pruned_meanwhile_is_left_out() -> None:
    """A list is no promise."""
    monitor = Monitor()
    gone, kept = monitor.created(), monitor.created()
    monitor.fed.pruned.add(gone)

    told = value(monitor.ask("GET", "/api/workflows"))

    assert [one["id"] for one in told["workflows"]] == [kept]


def test_a_workflow_is_told_of_with_what_was_said_of_it() -> None:
    """PL-7: to who may read; its command may be a secret."""
    monitor = Monitor()
    job_id = monitor.created("/create_workflow?k=v", {"command": "c"})
    update(monitor, job_id, {"level": "error", "msg": "oh"})

    told = value(monitor.ask("GET", f"/api/workflow/{job_id}"))["workflow"]

    assert told["command"] == "c"
    assert told["args"] == {"k": "v"}
    assert (told["packets"], told["verdict"], told["errors"]) == (1, "failed", ["oh"])


def test_a_job_has_the_keys_that_clients_know() -> None:
    """PL-7: those of panoptes-ui; one that ran when its workflow ended is unknown."""
    monitor = Monitor()
    job_id = monitor.created()
    update(monitor, job_id, INFO)

    one = value(monitor.ask("GET", f"/api/workflow/{job_id}/job/4"))["jobs"]
    every = value(monitor.ask("GET", f"/api/workflow/{job_id}/jobs"))
    monitor.fed.end(job_id, Cancelled())
    lost = value(monitor.ask("GET", f"/api/workflow/{job_id}/job/4"))["jobs"]

    assert every == {"jobs": [one], "count": 1}
    assert one == {
        "jobid": 4,
        "workflow_id": job_id,
        "name": "b",
        "msg": None,
        "input": ["a"],
        "output": ["b"],
        "log": [],
        "wildcards": {},
        "is_checkpoint": False,
        "shell_command": None,
        "status": "Running",
        "started_at": "Sun, 22 Nov 2026 07:43:03 GMT",
        "completed_at": None,
    }
    assert lost["status"] == "Unknown"
    assert monitor.ask("GET", f"/api/workflow/{job_id}/job/5").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/jobs"),
        ("GET", "/job/1"),
        ("POST", "/cancel"),
        ("PUT", ""),
        ("DELETE", ""),
    ],
)
@pytest.mark.parametrize("job_id", [UNKNOWN, "nonsense", "7"])
def test_what_there_is_not_is_not_found(method: str, path: str, job_id: str) -> None:
    """PL-5, PL-7 to PL-9."""
    answer = Monitor().ask(method, f"/api/workflow/{job_id}{path}", b"{}")

    assert answer.status == 404


def test_a_workflow_is_renamed() -> None:
    """PL-5: only what changes is kept."""
    monitor = Monitor()
    job_id = monitor.created("/create_workflow?k=v")
    path = f"/api/workflow/{job_id}"

    bodies = [{}, {"k": "v"}, {"name": "My-run", "n": "5"}, {"name": "My-run"}]
    answers = [monitor.ask("PUT", path, body) for body in bodies]
    monitor.ask("PUT", path, {"workflow_id": 7, "id": "x"})

    assert [answer.status for answer in answers] == [200] * 4
    assert value(answers[2])["workflow"]["name"] == "My-run"
    assert [decode(packet) for packet in monitor.fed.logs[job_id]] == [
        {"workflow": {"name": "My-run", "n": "5"}, "received": AT},
        {"workflow": {"name": "7"}, "received": AT},
    ]
    told = value(monitor.ask("GET", path))["workflow"]
    assert (told["name"], told["args"]) == ("7", {"k": "v", "n": "5"})


def test_a_rename_stays_within_the_bounds_of_a_create() -> None:
    """S-7: it is no error, for Snakemake would go on unmonitored; it is not kept."""
    monitor = Monitor()
    job_id = monitor.created("/create_workflow?k=v")
    path = f"/api/workflow/{job_id}"
    most = {"n": "x" * (MAX_ARGS_BYTES - len('{"k":"v","n":""}'))}

    bodies = [{"name": "n" * 999, "n": "x" * MAX_ARGS_BYTES}, most, {"m": 1}]
    answers = [monitor.ask("PUT", path, body) for body in bodies]

    assert [answer.status for answer in answers] == [200] * 3
    told = value(monitor.ask("GET", path))["workflow"]
    assert told["name"] == "n" * MAX_NAME_CHARACTERS
    assert told["args"] == {"k": "v", **most}


@pytest.mark.parametrize("body", [b"", b"[1]", b"nonsense"])
def test_a_rename_is_an_object(body: bytes) -> None:
    """PL-5: 400, at which Snakemake 8 goes on."""
    monitor = Monitor()
    job_id = monitor.created()

    with pytest.raises(WireError):
        monitor.ask("PUT", f"/api/workflow/{job_id}", body)

    assert monitor.fed.logs[job_id] == []


def test_a_workflow_is_cancelled_and_forgotten() -> None:
    """PL-8, PL-9: not while it runs, and never all at once."""
    monitor = Monitor()
    job_id = monitor.created()
    path = f"/api/workflow/{job_id}"

    early = monitor.ask("DELETE", path)
    told = value(monitor.ask("POST", f"{path}/cancel"))["workflow"]
    late = monitor.ask("DELETE", path)

    assert early.status == 403
    assert told["status"] == "Cancelled"
    assert told["completed_at"] is not None
    assert (late.status, late.body) == (204, b"")
    assert monitor.fed.records == {}
    assert monitor.ask("DELETE", "/api/workflows/all").status == 403


def test_a_workflow_has_a_page() -> None:
    """MW-7, S-4: static, and without a script of its own in it."""
    monitor = Monitor()
    job_id = monitor.created()

    found = monitor.ask("GET", f"/workflows/{job_id}/")
    unknown = monitor.ask("GET", f"/workflows/{UNKNOWN}/")

    assert [found.status, unknown.status] == [200, 404]
    for answer in (found, unknown):
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert isinstance(answer.body, FilePath)
        text = Path(answer.body.path).read_text()
        assert "style=" not in text
        assert "<script>" not in text
        assert not re.search(r"<[^>]*\son\w+=", text)


@pytest.mark.parametrize("name", ["workflow.js", "workflow.css"])
def test_the_page_has_its_parts(name: str) -> None:
    """And writes nothing that came from others as markup."""
    answer = Monitor().ask("GET", f"/static/panoptes/{name}")

    assert answer.status == 200
    assert isinstance(answer.body, FilePath)
    text = Path(answer.body.path).read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert word not in text
    assert Monitor().ask("GET", "/static/panoptes/workflow.html").status == 404


@pytest.mark.parametrize(
    ("query", "headers", "since"),
    [
        ("", {}, 0),
        ("?since=7", {}, 7),
        ("?since=7", {"last_event_id": "249"}, 250),
    ],
)
def test_events_are_followed_from_where_one_was(
    query: str, headers: dict[str, Any], since: int
) -> None:
    """MW-7, G-10."""
    monitor = Monitor()
    job_id = monitor.created()

    answer = monitor.ask("GET", f"/workflows/{job_id}/events{query}", **headers)

    assert answer.body == Events(job_id=job_id, since=since)


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", "dag_debug debug info other none warning error job_error names"),
        ("info", "info other none warning error job_error names"),
        ("warning", "warning error job_error"),
        ("error", "error job_error"),
    ],
)
def test_what_is_less_loud_is_hidden(level: str, seen: str) -> None:
    """MW-8."""
    words = ["dag_debug", "debug", "info", "other", "warning", "error", "job_error"]
    packets: dict[str, Any] = {word: {"message": {"level": word}} for word in words}
    packets |= {"none": {"message": {}}, "names": {"workflow": {"name": "x"}}}
    monitor = Monitor()
    job_id = monitor.created()

    body = monitor.ask("GET", f"/workflows/{job_id}/events?level={level}").body

    assert isinstance(body, Events)
    assert body.shows is not None
    shown = {word for word, packet in packets.items() if body.shows(packet)}
    assert shown == set(seen.split())


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?since=x", {}), ("", {"last_event_id": "-1"}), ("?level=loud", {})],
)
def test_events_of_nowhere_are_refused(query: str, headers: dict[str, Any]) -> None:
    """Before a stream begins."""
    monitor = Monitor()
    job_id = monitor.created()

    with pytest.raises(WireError):
        monitor.ask("GET", f"/workflows/{job_id}/events{query}", **headers)

    assert monitor.ask("GET", f"/workflows/{UNKNOWN}/events").status == 404
