"""/v1 of a real daemon beside its line protocol: two ways to ask the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, Table, running_daemon
from logging_worker import running_worker
from web_client import ON, WebClient, web_client

UNKNOWN = "00000000-0000-7000-8000-000000000000"


@attrs.frozen
class Place:
    """A daemon with a worker, and a connection to its HTTP side."""

    daemon: DaemonProcess
    web: WebClient

    def run(self, procedure: str, **more: Any) -> str:
        """Submit a call over HTTP; return the job's id."""
        told = self.web.submit(call(procedure, **more))
        assert told.status == 201, told
        return str(told.value["job_id"])

    def ended(self, procedure: str, **more: Any) -> str:
        """Return the id of a job that has ended."""
        job = self.run(procedure, **more)
        assert self.web.get(f"/v1/jobs/{job}/result?wait=20").status == 200
        return job

    def lines(self, verb: str, job: str, **more: Any) -> list[Any]:
        """Return all lines that the line protocol answers."""
        asked = json.dumps({"harpcaller": 1, verb: job, **more}).encode()
        with self.daemon.connect() as client, client.makefile("rb") as replies:
            client.sendall(asked + b"\n")
            client.shutdown(1)
            return [json.loads(line) for line in replies]


def call(procedure: str, host: str = "unix", **more: Any) -> dict[str, Any]:
    """Return a call; what it is not told belongs to its arguments."""
    known = {"queue", "info", "key", "timeout", "max_exec_time", "harpcaller"}
    fields = {name: more.pop(name) for name in known & more.keys()}
    arguments = {"tag": "t", **more}
    return {"host": host, "procedure": procedure, "arguments": arguments, **fields}


@pytest.fixture(name="place", scope="module")
def fixture_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Run one for all of them."""
    folder = tmp_path_factory.mktemp("native")
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(
            folder / "daemon", hosts=worker.hosts(), settings={**ON, "stop_grace_s": 0}
        ) as daemon,
        web_client(daemon) as web,
    ):
        yield Place(daemon, web)


def test_a_call_is_accepted_and_its_place_is_told(place: Place) -> None:
    """The id is known before anything has run; harpcaller:1 may be left out."""
    told = place.web.submit(call("answer", harpcaller=1))

    job = told.value["job_id"]
    assert told.status == 201
    assert told.value == {"harpcaller": 1, "job_id": job}
    assert told.headers["Location"] == f"/v1/jobs/{job}"
    assert place.web.get(told.headers["Location"]).status == 200


@pytest.mark.parametrize(
    ("procedure", "more"),
    [
        ("answer", {}),
        ("answer", {"info": {"n": 10**30}, "max_exec_time": 5}),
        ("fail", {}),
        ("stream", {"n": 3}),
        ("answer", {"host": "nowhere"}),
    ],
)
def test_both_ways_tell_the_same_of_a_job_that_has_ended(
    place: Place, procedure: str, more: dict[str, Any]
) -> None:
    """An outcome is a 200, whatever it is."""
    job = place.ended(procedure, **more)

    assert [place.web.get(f"/v1/jobs/{job}").value] == place.lines("get_status", job)
    result = place.web.get(f"/v1/jobs/{job}/result")
    assert [result.value] == place.lines("get_result", job)
    *packets, end = place.lines("read_stream", job)
    page = place.web.get(f"/v1/jobs/{job}/packets").value
    assert page == {"packets": packets, **end}
    assert place.web.ask("DELETE", f"/v1/jobs/{job}").value == {"cancelled": False}


def test_a_result_that_is_not_there_is_waited_for(place: Place) -> None:
    """As long as was asked for, and not longer than the job takes."""
    job = place.run("answer", seconds=1.5)

    at_once = place.web.get(f"/v1/jobs/{job}/result")
    soon = place.web.get(f"/v1/jobs/{job}/result?wait=0.2")
    in_time = place.web.get(f"/v1/jobs/{job}/result?wait=30")

    for told in (at_once, soon):
        assert (told.status, told.value) == (202, {"no_result": True})
        assert told.headers["Retry-After"] == "1"
    assert soon.took_s > 0.19
    assert (in_time.status, in_time.value) == (200, {"result": {"tag": "t"}})
    assert in_time.took_s < 15


def test_a_cancel_ends_the_job_for_both_ways(place: Place) -> None:
    """It is one job."""
    job = place.run("hang")

    told = place.web.ask("DELETE", f"/v1/jobs/{job}")

    assert (told.status, told.value) == (200, {"cancelled": True})
    assert place.lines("get_result", job) == [{"cancelled": True}]
    assert place.web.get(f"/v1/jobs/{job}/result").value == {"cancelled": True}


def test_to_cancel_what_there_is_not_is_no_error(place: Place) -> None:
    """As with a line."""
    for job in (UNKNOWN, "nonsense"):
        told = place.web.ask("DELETE", f"/v1/jobs/{job}")
        assert (told.status, told.value) == (200, {"cancelled": False})


@pytest.mark.parametrize("path", ["", "/result", "/result?wait=5", "/packets"])
@pytest.mark.parametrize("job", [UNKNOWN, "nonsense", "%20", "x" * 500])
def test_an_unknown_job_is_not_found(place: Place, path: str, job: str) -> None:
    """In the words of the line protocol."""
    told = place.web.get(f"/v1/jobs/{job}{path}")

    assert (told.status, told.error) == (404, "invalid_jobid")


def test_a_key_makes_one_job_of_many_calls(place: Place) -> None:
    """A client that lost the answer asks again, by either way."""
    asked = call("answer")

    first = place.web.submit(asked, Idempotency_Key="k-1")
    again = place.web.submit(asked, Idempotency_Key="k-1")
    inside = place.web.submit({**asked, "key": "k-1"})
    both = place.web.submit({**asked, "key": "k-1"}, Idempotency_Key="k-1")
    by_line = place.daemon.ask({**asked, "key": "k-1"})

    assert first.status == 201
    for told in (again, inside, both):
        assert told.status == 200
        assert told.value == {**first.value, "duplicate": True}
        assert told.headers["Location"] == first.headers["Location"]
    assert by_line == again.value


@pytest.mark.parametrize(
    ("fields", "header", "word"),
    [
        ({"key": "a"}, "b", "Idempotency-Key"),
        ({"key": ["a"]}, "b", "Idempotency-Key"),
        ({}, "k" * 201, "1 to 200"),
        ({}, "", "1 to 200"),
        ({}, "\xe4", "ASCII"),
    ],
)
def test_a_doubtful_key_is_refused(
    place: Place, fields: dict[str, Any], header: str, word: str
) -> None:
    """Two different ones leave open which job is meant."""
    told = place.web.submit({**call("answer"), **fields}, Idempotency_Key=header)

    assert (told.status, told.error) == (400, "invalid_request")
    assert word in told.value["error"]["message"]


def test_a_key_of_another_call_is_refused(place: Place) -> None:
    """As with a line, with the field that is wrong."""
    place.web.submit(call("answer"), Idempotency_Key="k-2")

    told = place.web.submit(call("fail"), Idempotency_Key="k-2")

    assert (told.status, told.value["error"]["data"]["field"]) == (400, "key")


GOOD = b'"host":"unix","procedure":"answer","arguments":{"tag":"t"}'


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "parse_error"),
        (b"nonsense", "parse_error"),
        (b"[1]", "invalid_request"),
        (b"{}", "invalid_request"),
        (b"{%b,%b}" % (GOOD, b'"host":"tls"'), "invalid_request"),
        (b'{%b,"info":NaN}' % GOOD, "parse_error"),
        (b'{%b,"info":"\\udcff"}' % GOOD, "parse_error"),
        (b'{%b,"info":"\xff"}' % GOOD, "parse_error"),
        (b'{%b,"info":1e999}' % GOOD, "parse_error"),
        (b'{%b,"info":%b}' % (GOOD, b"9" * 4301), "parse_error"),
        (b'{%b,"info":%b%b}' % (GOOD, b"[" * 128, b"]" * 128), "parse_error"),
        (b'{%b,"harpcaller":2}' % GOOD, "invalid_protocol"),
        (b'{%b,"harpcaller":true}' % GOOD, "invalid_protocol"),
        (b'{%b,"get_result":"x"}' % GOOD, "invalid_request"),
        (b'{"get_result":"x"}', "invalid_request"),
        (b'{"hello":true}', "invalid_request"),
        (b'{%b,"hots":"x"}' % GOOD, "invalid_request"),
        (b'{%b,"session":1}' % GOOD, "invalid_request"),
    ],
    ids=range(18),
)
def test_a_bad_call_is_refused(place: Place, body: bytes, word: str) -> None:
    """Nothing of it is kept, and the connection lives on."""
    before = len(place.web.get("/v1/jobs?limit=1000").value["jobs"])

    told = place.web.ask("POST", "/v1/calls", body)

    assert (told.status, told.error) == (400, word)
    assert len(place.web.get("/v1/jobs?limit=1000").value["jobs"]) == before


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_is_called_something_else_is_refused(
    place: Place, media_type: str, status: int
) -> None:
    """Forms of web pages can send no JSON by that name."""
    told = place.web.submit(call("answer"), Content_Type=media_type)

    assert told.status == status


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/result?wait=61", "wait"),
        ("/result?wait=-1", "wait"),
        ("/result?wiat=1", "wait"),
        ("/packets?since=1&recent=1", "recent"),
        ("/packets?limit=0", "limit"),
        ("/packets?limit=1001", "limit"),
        ("/stream?since=x", "since"),
        ("/stream?wait=1", "wait"),
        ("?x=1", "x"),
    ],
)
def test_a_doubtful_parameter_is_refused(place: Place, path: str, word: str) -> None:
    """A misspelt one would be an answer to another question."""
    job = place.run("answer")

    told = place.web.get(f"/v1/jobs/{job}{path}")

    assert (told.status, told.error) == (400, "invalid_request")
    assert word in told.value["error"]["message"]


def test_packets_come_in_pages(place: Place) -> None:
    """What there is, from where one wants, and whether there is more."""
    job = place.ended("stream", n=50)
    base = f"/v1/jobs/{job}/packets"

    first = place.web.get(f"{base}?limit=20").value
    last = place.web.get(f"{base}?since=20&limit=30").value
    recent = place.web.get(f"{base}?recent=2").value
    behind = place.web.get(f"{base}?since=50").value

    assert [one["packet"] for one in first["packets"]] == list(range(20))
    assert first["continue"] is True
    assert [one["packet"] for one in last["packets"]] == list(range(20, 50))
    assert last["result"] == {"tag": "t"}
    assert [one["packet"] for one in recent["packets"]] == [48, 49]
    assert (behind["packets"], behind["result"]) == ([], {"tag": "t"})


def test_a_path_has_exactly_its_methods(place: Place) -> None:
    """Nothing else is let through, HEAD neither."""
    told = place.web.ask("PUT", f"/v1/jobs/{UNKNOWN}")
    head = place.web.ask("HEAD", "/v1/jobs")

    assert (told.status, told.error) == (405, "invalid_request")
    assert told.headers["Allow"] == "DELETE, GET"
    assert (head.status, head.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/v1", "/v2/jobs", "/v1/jobs/", "/", "/m1/"])
def test_what_is_not_there_is_not_found(place: Place, path: str) -> None:
    """In the same shape as all else."""
    told = place.web.get(path)

    assert (told.status, told.error) == (404, "invalid_request")


def test_an_answer_is_kept_by_nobody_and_guessed_at_by_nobody(place: Place) -> None:
    """Results are not for caches, nor for browsers to run."""
    told = place.web.get(f"/v1/jobs/{place.run('answer')}")

    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in told.headers
    assert "Access-Control-Allow-Origin" not in told.headers


def test_a_large_call_passes_and_a_larger_one_does_not(tmp_path: Path) -> None:
    """The bound is a setting."""
    settings: Table = {**ON, "http.max_body_bytes": 100_000}
    with running_daemon(tmp_path, settings=settings) as daemon:
        with web_client(daemon) as web:
            small = web.submit(call("answer", text="x" * 99_000))
        with web_client(daemon) as web:
            large = web.submit(call("answer", text="x" * 100_000))

    assert small.status == 201
    assert (large.status, large.error) == (413, "too_large")


def test_a_full_queue_of_the_dispatcher_is_told(tmp_path: Path) -> None:
    """429 is for who may come again."""
    settings: Table = {**ON, "max_queued": 1, "max_running": 1}
    queue = {"name": {"q": 1}}
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon", hosts=worker.hosts(), settings=settings
        ) as daemon,
        web_client(daemon) as web,
    ):
        told = [web.submit(call("hang", queue=queue)) for _ in range(3)]

    assert [one.status for one in told] == [201, 201, 429]
    assert told[-1].error == "overloaded"
    assert int(told[-1].headers["Retry-After"]) > 0
