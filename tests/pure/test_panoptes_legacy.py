"""The older paths, without a gateway: what Snakemake asks, and may be answered."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from scripted_feeding import AT, UNKNOWN, Monitor, value

from harpcaller.adapters.panoptes.bodies import create_shape, shape
from harpcaller.adapters.panoptes.routes import ROUTES
from harpcaller.adapters.panoptes.settings import Settings
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

UPDATE = "/update_workflow_status"
DONE = {"level": "progress", "done": 2, "total": 2}


def update(monitor: Monitor, job_id: Any, message: Any) -> tuple[int, bytes]:
    """Return status and body of the answer to an update."""
    text = message if isinstance(message, str) else json.dumps(message)
    body = {"msg": text, "timestamp": "t", "id": job_id}
    answer = monitor.ask("POST", UPDATE, body)
    assert isinstance(answer.body, bytes)
    return answer.status, answer.body


def workflow(monitor: Monitor, job_id: str, at: float = AT) -> dict[str, Any]:
    """Return what is told of a workflow."""
    told = value(monitor.ask("GET", f"/api/workflow/{job_id}", at=at))
    found: dict[str, Any] = told["workflow"]
    return found


@pytest.mark.parametrize("prefix", ["", "/m1"])
def test_it_runs(prefix: str) -> None:
    """PL-1: anything else keeps Snakemake from starting; so while we stop."""
    path = f"{prefix}/api/service-info"

    assert value(Monitor().ask("GET", path)) == {"status": "running"}
    assert Monitor(hindering=["draining"]).ask("GET", path).status == 503


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", {}),
        (b'{"snakefile":"S","command":"c"}', {"snakefile": "S", "command": "c"}),
        (b"command=c&workdir=%2Fw", {"command": "c", "workdir": "/w"}),
        (b"[1]", {}),
    ],
)
def test_a_workflow_is_created(method: str, body: bytes, said: Any) -> None:
    """PL-2: by a GET with a body, by whatever body."""
    monitor = Monitor()

    answer = monitor.ask(method, "/create_workflow?k=v", body)

    told = value(answer)
    assert answer.status == 200
    assert told == {
        "id": told["id"],
        "name": told["id"],
        "status": "Running",
        "jobs_done": 0,
        "jobs_total": 0,
        "started_at": "Sun, 22 Nov 2026 07:43:03 GMT",
        "completed_at": None,
        "updated_at": "Sun, 22 Nov 2026 07:43:03 GMT",
    }
    assert answer.headers["Location"] == f"/workflows/{told['id']}/"
    assert decode(monitor.calls[0].arguments) == {**said, "args": {"k": "v"}}
    info: Any = decode(monitor.calls[0].info)
    assert info["panoptes"]["dialect"] == "legacy"


def test_a_name_is_kept_apart_from_that_of_a_live_workflow() -> None:
    """PL-3: and says which ended one had it; nothing is ever wiped."""
    monitor = Monitor()
    target = "/create_workflow?workflow_id=nightly"
    ids = [monitor.created(target) for _ in range(3)]
    names = [workflow(monitor, job_id)["name"] for job_id in ids]

    monitor.fed.end(ids[0], Cancelled())
    fourth = monitor.created(target)

    assert names[0] == "nightly"
    assert len(set(names)) == 3
    assert all(name.startswith("nightly-") and len(name) == 16 for name in names[1:])
    assert workflow(monitor, fourth)["name"] == "nightly"
    assert workflow(monitor, fourth)["info"]["previous"] == ids[0]


def test_an_existing_workflow_is_gone_on_with() -> None:
    """PL-4: an unknown one stops Snakemake before it runs anything."""
    monitor = Monitor()
    job_id = monitor.created()

    again = monitor.created(f"/create_workflow?id={job_id}")
    monitor.fed.end(job_id, Cancelled())
    new = monitor.created(f"/create_workflow?id={job_id}&name=x")

    assert again == job_id
    assert workflow(monitor, new)["info"]["previous"] == job_id
    unknown = monitor.ask("GET", "/create_workflow?id=7")
    assert (unknown.status, value(unknown)["id"]) == (404, None)


def test_there_are_no_more_workflows_than_there_may_be() -> None:
    """PL-2: with an id of null, or Snakemake 8 shows its user a KeyError."""
    monitor = Monitor(settings=Settings(max_live=1))
    monitor.created()

    answer = monitor.ask("GET", "/create_workflow")

    assert (answer.status, value(answer)["id"]) == (503, None)
    assert answer.headers["Retry-After"] == "5"


def test_no_error_of_ours_ends_a_run() -> None:
    """PL-2, PL-6: Snakemake does so at 403 and 500, at a create at 429 it says less."""
    older = [
        route
        for route in ROUTES
        if route.path.removeprefix("/m1").startswith(("/api", "/create_", "/update_"))
    ]
    creates = [route for route in ROUTES if "create" in route.path]

    assert (len(older), len(creates)) == (24, 8)
    for route in older:
        assert route.statuses["internal_error"] == 503, route.path
        assert route.statuses["forbidden"] == 401, route.path
    for route in creates:
        assert route.statuses["overloaded"] == 503, route.path


def test_errors_of_the_gateway_have_the_shape_of_the_dialect() -> None:
    """GW-6: a code is a text, and a create has an id whatever happens."""
    for made, more in ((shape, {}), (create_shape, {"id": None})):
        body, media_type = made(401, "unauthorized", "say who you are")
        assert media_type == "application/json"
        assert decode(body) == {
            "status": "unauthorized",
            "version": "1.0.0",
            "errors": [
                {
                    "code": "401",
                    "message": "say who you are",
                    "detail": "unauthorized",
                }
            ],
            **more,
        }


@pytest.mark.parametrize(
    "encoded",
    [
        encode,
        lambda fields: urlencode(fields).encode(),
        lambda fields: encode({**fields, "msg": json.loads(fields["msg"])}),
    ],
)
def test_an_update_is_taken_in_every_form(encoded: Any) -> None:
    """PL-6: by what it is, whatever it is called."""
    monitor = Monitor()
    job_id = monitor.created()
    fields = {"msg": json.dumps(DONE), "timestamp": "Sun Nov 22", "id": job_id}

    answer = monitor.ask("POST", UPDATE, encoded(fields))

    assert (answer.status, answer.body) == (200, b"ok")
    [packet] = monitor.fed.logs[job_id]
    told: Any = decode(packet)
    assert (told["message"], told["timestamp"]) == (DONE, "Sun Nov 22")


def test_what_real_clients_send_is_not_lost() -> None:
    """PL-6: one surrogate or NaN is put right."""
    monitor = Monitor()
    job_id = monitor.created()

    answer = update(monitor, job_id, '{"msg":"\\udcff","x":NaN,"jobid":true}')

    assert answer == (200, b"ok")
    told: Any = decode(monitor.fed.logs[job_id][0])
    assert told["message"] == {"msg": "\ufffd", "x": None, "jobid": True}
    assert value(monitor.ask("GET", f"/api/workflow/{job_id}/jobs"))["count"] == 0


def test_an_update_without_a_time_is_taken() -> None:
    """Nobody asked for one."""
    monitor = Monitor()
    job_id = monitor.created()

    answer = monitor.ask("POST", UPDATE, {"msg": {}, "id": job_id})

    assert answer.status == 200
    assert b"timestamp" not in bytes(monitor.fed.logs[JobId(job_id)][0])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"msg": "{}", "id": UNKNOWN}, 410),
        ({"msg": "{}", "id": 7}, 410),
        ({"msg": "{}"}, 410),
        ({"msg": "[]", "id": UNKNOWN}, 400),
        ({"id": UNKNOWN}, 400),
        ({}, 400),
        (b"", 400),
    ],
)
def test_what_cannot_be_taken_ends_no_run(body: Any, status: int) -> None:
    """PL-6: Snakemake goes on at 400 and 410."""
    assert Monitor().ask("POST", UPDATE, body).status == status


@pytest.mark.parametrize("body", [b"[1]", {"msg": "{nonsense", "id": UNKNOWN}])
def test_what_cannot_be_read_is_a_bad_request(body: Any) -> None:
    """The gateway answers 400."""
    with pytest.raises(WireError) as caught:
        Monitor().ask("POST", UPDATE, body)

    assert caught.value.type is ErrorType.PARSE_ERROR


def test_a_store_that_refuses_is_told_as_that() -> None:
    """PL-6: 503, which ends no run."""
    monitor = Monitor()
    job_id = monitor.created()
    monitor.fed.refusal = WireError(ErrorType.STORAGE_FULL, "full")

    with pytest.raises(WireError):
        update(monitor, job_id, DONE)


def test_updates_of_an_ended_workflow_are_told_so() -> None:
    """PL-6, MW-9: with 200, unless the cancel is to end the run as well."""
    monitor = Monitor()
    cancelled, done = monitor.created(), monitor.created()
    monitor.fed.end(cancelled, Cancelled())
    monitor.fed.end(done, Returned(JsonText(b"{}")))

    gentle = [update(monitor, job_id, DONE) for job_id in (cancelled, done)]
    monitor.settings = Settings(cancel_kills=True)
    strict = [update(monitor, job_id, DONE)[0] for job_id in (cancelled, done)]

    assert gentle == [(200, b"ended")] * 2
    assert strict == [403, 200]


def test_a_full_log_is_no_error() -> None:
    """S-7: Snakemake would complain of it at every message."""
    monitor = Monitor(settings=Settings(max_packets=1))
    job_id = monitor.created()

    answers = [update(monitor, job_id, {"level": "x"}) for _ in range(3)]

    assert answers == [(200, b"ok")] * 3


@pytest.mark.parametrize(
    ("messages", "outcome", "word"),
    [
        ([], None, "Running"),
        ([{"level": "info"}], None, "Running"),
        ([DONE], None, "Done"),
        ([{"level": "info", "msg": "Nothing to be done"}], None, "No Execution"),
        ([{"level": "error", "msg": "x"}], None, "Error"),
        ([{"level": "info", "msg": "Complete log: x"}], None, "Error"),
        ([], Returned(JsonText(b'{"status":"completed"}')), "Done"),
        ([], Returned(JsonText(b'{"status":"noexec"}')), "No Execution"),
        ([], Returned(JsonText(b"7")), "Done"),
        ([], Raised(type="WorkflowError", message="x"), "Error"),
        ([], Failed(type="timeout", message="x"), "Error"),
        ([DONE], Cancelled(), "Cancelled"),
    ],
)
def test_a_workflow_is_told_of_in_the_words_of_the_dialect(
    messages: list[Any], outcome: Outcome | None, word: str
) -> None:
    """MW-6, G-9: the verdict at once, the outcome for good."""
    monitor = Monitor()
    job_id = monitor.created()
    for message in messages:
        update(monitor, job_id, message)
    if outcome is not None:
        monitor.fed.end(job_id, outcome)

    assert workflow(monitor, job_id)["status"] == word


def test_a_silent_workflow_is_stale() -> None:
    """MW-6: for as long as nothing comes; a verdict is none the worse for its age."""
    monitor = Monitor(settings=Settings(stale_after_s=10))
    job_id = monitor.created()

    assert workflow(monitor, job_id, AT + 10)["status"] == "Running"
    assert workflow(monitor, job_id, AT + 10.1)["status"] == "Stale"
    update(monitor, job_id, DONE)
    assert workflow(monitor, job_id, AT + 10.1)["status"] == "Done"
