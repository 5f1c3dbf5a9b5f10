"""The specification's endpoints, without a gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_feeding import UNKNOWN, Monitor, value

from harpcaller.adapters.panoptes.settings import Redirect, Settings
from protocol.errors import ErrorType, WireError
from protocol.jsontext import decode, encode
from protocol.outcome import Cancelled

CREATE, UPDATE = "/m1/workflow/create/", "/m1/workflow/update/"
EXAMPLE: dict[str, Any] = {
    "jobid": "123456",
    "level": "info",
    "name": "register brainmap",
    "input": ["brain.niigz", "MNI152.nii.gz"],
    "output": ["registered-brain.nii.gz"],
    "log": "This is a longer message...",
}


def update(monitor: Monitor, job_id: Any, message: Any = EXAMPLE, **more: Any) -> Any:
    """Return the answer to an update."""
    body = {"message": message, "timestamp": "now", "id": job_id, **more}
    return monitor.ask("POST", UPDATE, body)


@pytest.mark.parametrize("path", ["/m1", "/m1/"])
def test_it_runs(path: str) -> None:
    """PM-2, PM-3, PM-9: with and without the slash, in the word that clients want."""
    answer = Monitor().ask("GET", path)

    assert answer.status == 200
    told = value(answer)
    assert (told["status"], told["version"]) == ("running", "1.0.0")


def test_it_does_not_run_while_it_could_keep_nothing() -> None:
    """PM-5: a client tries later."""
    answer = Monitor(hindering=["draining"]).ask("GET", "/m1/")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert value(answer)["status"] == "service not available"
    assert value(answer)["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/m1/"),
        ("POST", CREATE),
        ("POST", UPDATE),
        ("GET", "/api/service-info"),
        ("GET", "/workflows/x/"),
    ],
)
def test_it_is_not_implemented_where_it_is_not_served(method: str, path: str) -> None:
    """PM-4, PM-24: every path says so in the same shape."""
    answer = Monitor(settings=Settings(serve=False)).ask(method, path)

    assert answer.status == 404
    told = value(answer)
    assert (told["status"], told["version"]) == ("not implemented", "1.0.0")
    assert told["errors"][0]["code"] == "404"


@pytest.mark.parametrize("code", [301, 302])
def test_clients_are_sent_elsewhere_if_the_settings_say_so(code: int) -> None:
    """PM-6: always with a Location, and never for what is posted."""
    settings = Settings(redirect=Redirect(code=code, location="/m2/"))
    monitor = Monitor(settings=settings)

    answer = monitor.ask("GET", "/m1/")

    assert (answer.status, answer.headers["Location"]) == (code, "/m2/")
    assert value(answer) == {"status": "multiple choices", "version": "1.0.0"}
    assert monitor.ask("POST", CREATE).status == 201


FORM = {"content_type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"", {}, {}),
        (b"  ", {}, {}),
        (b"{}", {}, {}),
        (b'{"name":"x","more":[1]}', {}, {"name": "x", "more": [1]}),
        (b"name=x&workdir=%2Fa", FORM, {"name": "x", "workdir": "/a"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_workflow_is_created(
    method: str, body: bytes, headers: dict[str, Any], said: Any
) -> None:
    """PM-10 to PM-13: a GET does it too, as the headline of the text says."""
    monitor = Monitor()

    answer = monitor.ask(method, CREATE, body, user_agent="us", **headers)

    told = value(answer)
    assert answer.status == 201
    assert list(told) == ["id"]
    assert answer.headers["Location"] == f"/workflows/{told['id']}/"
    assert answer.headers["Cache-Control"] == "no-store"
    [call] = monitor.calls
    assert (call.host, call.procedure, call.key) == ("@panoptes", "workflow", None)
    assert decode(call.arguments) == said
    assert decode(call.info) == {
        "panoptes": {
            "name": said.get("name"),
            "dialect": "m1",
            "reporter": "127.0.0.1",
            "agent": "us",
        }
    }


@pytest.mark.parametrize(
    "body",
    [b"[1]", b"nonsense", b"{", b'{"a":1,"a":2}', b'{"name":7}', b'{"name":""}'],
)
def test_a_workflow_is_not_created_of_nonsense(body: bytes) -> None:
    """PM-13: the specification's own endpoints are strict."""
    monitor = Monitor()

    with pytest.raises(WireError) as caught:
        monitor.ask("POST", CREATE, body)

    assert caught.value.type in {ErrorType.INVALID_REQUEST, ErrorType.PARSE_ERROR}
    assert monitor.calls == []


def test_arguments_have_a_bound() -> None:
    """S-7: they are read again and again."""
    with pytest.raises(WireError):
        Monitor().ask("POST", CREATE, {"args": {"a": "x" * 17_000}})


def test_a_key_is_that_of_the_call() -> None:
    """PM-14: else each create is a workflow of its own."""
    monitor = Monitor()

    monitor.ask("POST", CREATE, idempotency_key="mine")

    assert monitor.calls[0].key == "mine"
    for key in ("", "x" * 201):
        with pytest.raises(WireError):
            monitor.ask("POST", CREATE, idempotency_key=key)


def test_a_live_workflow_is_gone_on_with() -> None:
    """PL-4, by this dialect; an ended one is followed by a new one, named in it."""
    monitor = Monitor()
    job_id = monitor.created(CREATE)

    again = value(monitor.ask("POST", f"{CREATE}?id={job_id}"))["id"]
    monitor.fed.end(job_id, Cancelled())
    new = value(monitor.ask("POST", f"{CREATE}?id={job_id}"))["id"]

    assert again == job_id
    assert new != job_id
    info: Any = decode(monitor.calls[-1].info)
    assert info["panoptes"]["previous"] == job_id
    for unknown in (UNKNOWN, "7"):
        assert monitor.ask("POST", f"{CREATE}?id={unknown}").status == 404


def test_there_are_no_more_workflows_than_there_may_be() -> None:
    """S-7."""
    monitor = Monitor(settings=Settings(max_live=1))
    monitor.created(CREATE)

    answer = monitor.ask("POST", CREATE)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert len(monitor.calls) == 1


def test_links_begin_where_clients_find_us() -> None:
    """PM-8: behind a proxy that is another place."""
    monitor = Monitor()

    answer = monitor.ask("POST", CREATE, base="https://x.example/sub")

    assert answer.headers["Location"].startswith("https://x.example/sub/workflows/")


def test_the_example_is_accepted() -> None:
    """PM-15, PM-17, PM-20: and kept as it is."""
    monitor = Monitor()
    job_id = monitor.created(CREATE)

    answer = update(monitor, job_id)

    assert answer.status == 202
    assert value(answer) == {"status": "accepted", "version": "1.0.0"}
    assert answer.headers["Location"] == f"/workflows/{job_id}/"
    [packet] = monitor.fed.logs[job_id]
    assert json.loads(packet) == {
        "message": EXAMPLE,
        "timestamp": "now",
        "received": 1_795_333_383.5,
    }


@pytest.mark.parametrize("jobid", [0, "0", -1, "x" * 256])
@pytest.mark.parametrize("timestamp", ["", "x" * 128, 0, 1.5, 10**400, None])
def test_ids_and_times_have_any_form_within_bounds(jobid: Any, timestamp: Any) -> None:
    """PM-16, PM-18: 0 is an id, and a time is never read."""
    monitor = Monitor()
    job_id = monitor.created(CREATE)

    answer = update(monitor, job_id, {"jobid": jobid}, timestamp=timestamp)

    assert answer.status == 202
    assert job_id in monitor.fed.logs


def test_a_message_that_comes_again_is_accepted_again() -> None:
    """It changes nothing; it is no error of the client's."""
    monitor = Monitor()
    job_id = monitor.created(CREATE)
    message = {"jobid": 1, "timestamp": 1.5}

    words = [value(update(monitor, job_id, message))["status"] for _ in range(2)]

    assert words == ["accepted", "duplicate"]
    assert len(monitor.fed.logs[job_id]) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        {},
        {"message": "a text", "id": "x"},
        {"message": {}, "id": "x"},
        {"message": {"jobid": None}, "id": "x"},
        {"message": {"jobid": True}, "id": "x"},
        {"message": {"jobid": 1.5}, "id": "x"},
        {"message": {"jobid": ""}, "id": "x"},
        {"message": {"jobid": 1}, "id": None},
        {"message": {"jobid": 1}, "id": True},
        {"message": {"jobid": 1}, "id": 1.5},
        {"message": {"jobid": 1}, "id": "x", "timestamp": "x" * 129},
        {"message": {"jobid": 1}, "id": "x", "timestamp": True},
        {"message": {"jobid": 1}, "id": "x", "timestamp": [1]},
    ],
)
def test_a_bad_update_is_refused(body: Any) -> None:
    """PM-16, PM-18, PM-22."""
    with pytest.raises(WireError) as caught:
        Monitor().ask("POST", UPDATE, body)

    assert caught.value.type in {ErrorType.INVALID_REQUEST, ErrorType.PARSE_ERROR}


@pytest.mark.parametrize("job_id", [UNKNOWN, "nonsense", 7])
def test_an_update_of_no_workflow_is_not_found(job_id: Any) -> None:
    """PM-15, PM-22, PM-23."""
    answer = update(Monitor(), job_id)

    assert answer.status == 404
    told = value(answer)
    assert told["errors"][0]["code"] == "404"
    assert {"status", "version"} < told.keys()


def test_an_update_of_an_ended_workflow_conflicts() -> None:
    """PM-21: it was not updated."""
    monitor = Monitor()
    job_id = monitor.created(CREATE)
    monitor.fed.end(job_id, Cancelled())

    assert update(monitor, job_id).status == 409


def test_an_update_beyond_the_last_is_told_so() -> None:
    """S-7."""
    monitor = Monitor(settings=Settings(max_packets=1))
    job_id = monitor.created(CREATE)

    answers = [update(monitor, job_id).status for _ in range(3)]

    assert answers == [202, 413, 413]


def test_what_the_store_refuses_is_told_as_that() -> None:
    """The gateway knows its status."""
    monitor = Monitor()
    job_id = monitor.created(CREATE)
    monitor.fed.refusal = WireError(ErrorType.STORAGE_FULL, "full")

    for target in (UPDATE, f"{CREATE}?id={job_id}"):
        body = encode({"message": EXAMPLE, "id": job_id})
        with pytest.raises(WireError) as caught:
            monitor.ask("POST", target, body if target == UPDATE else b"")
        assert caught.value.type is ErrorType.STORAGE_FULL
