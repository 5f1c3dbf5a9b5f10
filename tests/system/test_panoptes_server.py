"""The monitor of a real daemon: acceptance cases G-1 to G-11 over its sockets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from event_source import EventSource
from monitor import Monitor, RawClient, running_monitor, update
from openapi_document import Document
from panoptes_runs import runs
from web_client import figures, web_address, web_client

EXAMPLE = {
    "jobid": "123456",
    "level": "info",
    "name": "register brainmap",
    "input": ["brain.niigz", "MNI152.nii.gz"],
    "output": ["registered-brain.nii.gz"],
    "log": "This is a longer message...",
}
JUDGE = Path(__file__).parents[1] / "conformance" / "m1.py"
CLIENTS, EACH = 20, 50


@pytest.fixture(name="monitor", scope="module")
def fixture_monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Run one for all that do not stop it."""
    with running_monitor(tmp_path_factory.mktemp("monitor")) as running:
        yield running


@pytest.mark.parametrize("path", ["/m1/", "/m1", "//m1//"])
def test_it_runs(monitor: Monitor, path: str) -> None:
    """G-1."""
    told = monitor.web.get(path)

    assert told.status == 200
    assert told.value["status"] == "running"
    assert isinstance(told.value["version"], str)


def test_it_is_not_there_unless_it_is_served(tmp_path: Path) -> None:
    """G-1: both keys, for the client is to know what it met; a judge sees it too."""
    with running_monitor(tmp_path, serve=False) as monitor:
        told = monitor.web.get("/m1/")
        judged = judge(monitor)

    assert told.status == 404
    assert {"status", "version"} <= told.value.keys()
    assert judged.returncode == 1
    assert "FAILED PM-2" in judged.stdout


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"name":"x"}', b"name=x"])
def test_a_workflow_has_a_page(monitor: Monitor, body: bytes | None) -> None:
    """G-3: where Location says."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    headers = form if body == b"name=x" else {}

    told = monitor.web.ask("POST", "/m1/workflow/create/", body, **headers)
    page = monitor.web.get(told.headers["Location"])

    assert told.status == 201
    assert told.headers["Location"] == f"/workflows/{told.value['id']}/"
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("workflow.js", "workflow.css"):
        path = f"static/panoptes/{name}"
        assert f'"../../{path}"'.encode() in page.body
        assert monitor.web.get(f"/{path}").status == 200


def test_the_example_is_a_packet(monitor: Monitor) -> None:
    """G-4: a monitored workflow is a job like any other to who reads it."""
    job_id = monitor.create()

    told = monitor.update(job_id, EXAMPLE)

    assert told.status == 202
    packet, more = monitor.lines(job_id)
    assert packet["packet"] == 0
    assert packet["data"]["message"] == EXAMPLE
    assert more == {"continue": True}
    status = monitor.daemon.ask({"get_status": job_id})
    assert status["call"]["host"] == "@panoptes"
    assert status["call"]["procedure"] == "workflow"
    assert status["limits"] == {"timeout": 604800, "max_exec_time": None}


def test_bad_updates_are_told_what_is_wrong(monitor: Monitor) -> None:
    """G-5: in the shape of the dialect; so are errors of the gateway's."""
    unknown = monitor.update("00000000-0000-7000-8000-000000000000", EXAMPLE)
    nameless = monitor.update(monitor.create(), {"level": "info"})
    method = monitor.web.ask("DELETE", "/m1/workflow/create/")
    head = monitor.web.ask("HEAD", "/create_workflow")
    large = monitor.web.ask("POST", "/m1/workflow/update/", b"x" * 2**21)

    told = [unknown, nameless, method, large]
    assert [one.status for one in (*told, head)] == [404, 400, 405, 413, 405]
    assert method.headers["Allow"] == "GET, POST"
    for one in told:
        assert {"status", "version"} < one.value.keys()
        assert one.value["errors"][0]["code"] == str(one.status)


async def test_updates_of_many_are_seen_alike_by_all(monitor: Monitor) -> None:
    """G-6: each in its client's order, by line, by /v1 and by the page's stream."""
    job_id = monitor.create()
    port = web_address(monitor.daemon)[1]
    streams = [
        EventSource(f"/v1/jobs/{job_id}/stream?since=0"),
        EventSource(f"/workflows/{job_id}/events"),
    ]

    def send(client: int) -> None:
        with web_client(monitor.daemon) as web:
            for number in range(EACH):
                message = {"jobid": client, "log": str(number)}
                assert update(web, job_id, message).status == 202

    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(stream.run, port)
        async with trio.open_nursery() as clients:
            for client in range(CLIENTS):
                clients.start_soon(trio.to_thread.run_sync, send, client)
        end = {"jobid": 0, "level": "workflow_success"}
        assert monitor.update(job_id, end).status == 202

    total = CLIENTS * EACH + 1
    for stream in streams:
        assert stream.numbers == list(range(total))
        assert stream.end["result"]["status"] == "completed"
    messages = [one["message"] for one in monitor.packets(job_id)][:-1]
    for client in range(CLIENTS):
        own = [one["log"] for one in messages if one["jobid"] == client]
        assert own == [str(number) for number in range(EACH)]


async def test_a_filtered_stream_keeps_its_numbers(monitor: Monitor) -> None:
    """G-10: and a stream that is asked for after the end has all, and the end."""
    job_id = monitor.create()
    for number in range(6):
        level = "error" if number % 3 == 2 else "info"
        monitor.update(job_id, {"jobid": 1, "level": level, "msg": "x"})
    monitor.update(job_id, {"jobid": 1, "level": "workflow_success"})
    monitor.outcome(job_id)
    port = web_address(monitor.daemon)[1]
    path = f"/workflows/{job_id}/events"
    seen = [
        EventSource(path),
        EventSource(f"{path}?level=error"),
        EventSource(path, headers=("Last-Event-ID: 3",)),
    ]

    for stream in seen:
        await stream.run(port)

    assert [stream.numbers for stream in seen] == [[*range(7)], [2, 5], [4, 5, 6]]
    assert all(stream.end for stream in seen)


def test_a_workflow_is_told_of_in_every_dialect(monitor: Monitor) -> None:
    """G-9: the words of the older paths, and the states of the protocol."""
    running, returned, raised, cancelled = (monitor.create() for _ in range(4))
    monitor.update(running, EXAMPLE)
    monitor.update(returned, {"jobid": 1, "level": "workflow_success"})
    monitor.update(raised, {"jobid": 1, "level": "error", "msg": "WorkflowError"})
    monitor.update(raised, {"jobid": 1, "level": "job_error"})
    told = monitor.web.ask("POST", f"/api/workflow/{cancelled}/cancel", b"")
    assert told.status == 200
    ends = [monitor.outcome(one) for one in (returned, raised, cancelled)]

    jobs = (running, returned, raised, cancelled)
    words = [monitor.workflow(one)["status"] for one in jobs]

    assert words == ["Running", "Done", "Error", "Cancelled"]
    assert ends[0]["result"]["status"] == "completed"
    assert ends[1]["exception"]["type"] == "WorkflowError"
    assert ends[2] == {"cancelled": True}
    assert monitor.update(cancelled, EXAMPLE).status == 409
    counted = figures(monitor.web)
    assert counted.value("harpcaller_fed_jobs") >= 1
    assert counted.value("harpcaller_fed_updates_total", word="ended") >= 1
    assert counted.value("harpcaller_fed_updates_total", word="accepted") >= 4
    late = monitor.legacy(cancelled, {"level": "info"})
    assert (late.status, late.body) == (200, b"ended")


def test_a_workflow_that_came_by_line_is_fed_by_http(monitor: Monitor) -> None:
    """MW-1: it is one job; and one that came by HTTP is cancelled by line."""
    call = {"host": "@panoptes", "procedure": "workflow", "arguments": {"name": "mine"}}
    job_id = monitor.daemon.ask(call)["job_id"]

    assert monitor.legacy(job_id, EXAMPLE).body == b"ok"
    assert monitor.workflow(job_id)["name"] == "mine"
    assert monitor.daemon.ask({"cancel": job_id}) == {"cancelled": True}
    assert monitor.outcome(job_id) == {"cancelled": True}


def test_pages_of_other_sites_make_nothing(monitor: Monitor) -> None:
    """S-3: not even by the GET that creates."""
    before = monitor.web.get("/api/workflows").value["count"]

    told = [
        monitor.web.ask("GET", "/create_workflow", Origin="http://evil.example"),
        monitor.web.ask("GET", "/m1/workflow/create/", Sec_Fetch_Site="cross-site"),
        monitor.web.ask("POST", "/update_workflow_status", b"", Origin="null"),
    ]

    assert [one.status for one in told] == [403] * 3
    assert monitor.web.get("/api/workflows").value["count"] == before


def test_a_workflow_is_forgotten_on_demand(monitor: Monitor) -> None:
    """PL-9: once it has ended."""
    job_id = monitor.create()
    path = f"/api/workflow/{job_id}"
    early = monitor.web.ask("DELETE", path)
    monitor.daemon.ask({"cancel": job_id})
    monitor.outcome(job_id)

    late = monitor.web.ask("DELETE", path)

    assert (early.status, late.status) == (403, 204)
    assert monitor.web.get(path).status == 404


def test_it_outlives_its_daemon(tmp_path: Path) -> None:
    """G-11: kill -9 in mid-workflow; numbers, window and verdict go on."""
    run = next(run for run in runs(complete=True) if run.name == "snakemake-8.30.0/ok")
    expected = run.expected or {}
    half = len(run.updates) // 2
    with running_monitor(tmp_path) as monitor:
        with RawClient(monitor.daemon) as client:
            job_id = client.create(run)
            before = [client.send(one, job_id) for one in run.updates[:half]]

        monitor.daemon.restart()

        with RawClient(monitor.daemon) as client:
            again = client.send(run.updates[half - 1], job_id)
            after = [client.send(one, job_id) for one in run.updates[half:]]
        with web_client(monitor.daemon) as web:
            fresh = Monitor(monitor.daemon, web)
            outcome = fresh.outcome(job_id)
            lines = fresh.lines(job_id)
            jobs = fresh.jobs(job_id)

    words = [body for _, body in (*before, *after)]
    assert again == (200, b"duplicate")
    assert words.count(b"ok") == expected["packets"]
    assert outcome == expected["outcome"]
    assert jobs == expected["jobs"]
    numbers = [line["packet"] for line in lines if "packet" in line]
    assert numbers == list(range(len(numbers)))


def test_it_conforms(monitor: Monitor) -> None:
    """G-24: by a judge that knows nothing of us."""
    done = judge(monitor)

    told = done.stdout.splitlines()
    assert [line for line in told if not line.startswith("ok PM-")] == []
    assert len(told) > 20
    assert done.returncode == 0


def judge(monitor: Monitor) -> subprocess.CompletedProcess[str]:
    """Judge a monitor."""
    host, port = web_address(monitor.daemon)
    return subprocess.run(
        [sys.executable, JUDGE, f"http://{host}:{port}/"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_its_part_of_the_document_is_valid(monitor: Monitor) -> None:
    """G-24: programs are generated from it; and it tells of errors by their code."""
    document = Document(monitor.web.get("/openapi.json").value)

    assert document.complaints() == [], document.complaints()
    beside = monitor.web.get("/m1/nothing")
    assert (beside.status, beside.value["errors"][0]["code"]) == (404, "404")
