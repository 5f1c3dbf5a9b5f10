"""A service in use: heartbeat, and jobs asked about by those whose they are."""

from __future__ import annotations

from typing import Any

import pytest
from csapi_cases import (
    ASSET,
    TABLE,
    a_job,
    answer,
    complaint_of,
    settings,
    value_of,
)
from scripted_means import JOB, ScriptedMeans

from harpcaller.adapters.csapi import ADAPTER
from protocol.errors import ErrorType, WireError
from protocol.job import JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

OTHER = "0b1c6f4e-0000-4000-8000-000000000001"
NO_JOB = (400, 400, "there is no such job")
RETURNED = Returned(JsonText(b'{"oceanoutputs":["a"],"x":1}'))
BOTH = settings(train=TABLE, other={**TABLE, "default": True})


def knowing(record: JobRecord, **more: Any) -> ScriptedMeans:
    """Return operations that know one job."""
    return ScriptedMeans(jobs={record.job_id: record}, **more)


def ask(what: str, record: JobRecord, query: str = "") -> Any:
    """Return the answer about a job of the service `train`."""
    return answer(f"GET /services/train/jobs/{what}/{JOB}{query}", knowing(record))


def test_a_heartbeat_is_empty() -> None:
    """CS-9: 200 with no payload."""
    told = answer("GET /services/train/heartbeat")

    assert (told.status, told.body) == (200, b"")


def test_a_service_is_not_available_where_no_job_is_taken() -> None:
    """CS-9, GW-7: 503 with the reason; when to come again, too."""
    told = answer(
        "GET /services/train/heartbeat", ScriptedMeans(hindering=["stopping"])
    )

    assert complaint_of(told) == (503, 503, "no job is taken now: stopping")
    assert told.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    "request_",
    [
        "GET /services/nope/heartbeat",
        "POST /services/nope/jobs",
        "POST /services/nope",
        f"GET /services/nope/jobs/status/{JOB}",
        f"GET /services/nope/jobs/result/{JOB}",
        "GET /services/nope",
        "DELETE /services/nope",
    ],
)
def test_a_service_that_is_not_there_is_404(request_: str) -> None:
    """6.3: other than a job, which is a 400."""
    assert complaint_of(answer(request_, body={}))[:2] == (404, 404)


def test_the_default_service_answers_at_the_root() -> None:
    """CS-5: where clients of one service look for it."""
    means = ScriptedMeans(jobs={JOB: a_job(JOB, service="other")})
    body = {"inputs": [ASSET]}

    made = answer("POST /jobs", means, body, BOTH)
    told = answer(f"GET /jobs/status/{JOB}", means, using=BOTH)
    result = answer(f"GET /jobs/result/{JOB}", means, using=BOTH)

    assert answer("GET /heartbeat", means, using=BOTH).status == 200
    assert made.headers["Location"] == f"/services/other/jobs/status/{JOB}"
    assert value_of(told) == {"status": "inprogress"}
    assert result.status == 202


def test_without_a_default_service_nothing_is_at_the_root() -> None:
    """None is chosen by chance."""
    assert complaint_of(answer("GET /heartbeat")) == (
        404,
        404,
        "no service is the default one",
    )


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (a_job(JOB, state=State.QUEUED), "started"),
        (a_job(JOB), "inprogress"),
        (a_job(JOB, RETURNED), "completed"),
    ],
)
def test_the_status_is_one_word(record: JobRecord, word: str) -> None:
    """CS-14, MW-6."""
    told = ask("status", record)

    assert told.status == 200
    assert value_of(told) == {"status": word}


@pytest.mark.parametrize(
    ("outcome", "code", "description"),
    [
        (Raised(type="ValueError", message="no"), 500, "ValueError: no"),
        (
            Raised(type="InputUnavailable", message="gone"),
            8001,
            "InputUnavailable: gone",
        ),
        (Raised(type="OutputNotRegistered", message=""), 8002, "OutputNotRegistered: "),
        (Failed(type="timeout", message="silent"), 500, "timeout: silent"),
        (Cancelled(), 500, "cancelled"),
    ],
)
def test_a_bad_end_is_told_by_status_and_result_alike(
    outcome: Outcome, code: int, description: str
) -> None:
    """CS-17, CS-18: 200, since it is the job that failed and not the answer."""
    record = a_job(JOB, outcome)

    told = [ask("status", record), ask("result", record)]

    wanted = {"status": "error", "errorcode": code, "description": description}
    assert [one.status for one in told] == [200, 200]
    assert [value_of(one) for one in told] == [wanted, wanted]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b'{"oceanoutputs":["a"],"x":1}', {"oceanoutputs": ["a"], "x": 1}),
        (b'{"x":1}', {"x": 1, "oceanoutputs": []}),
        (b"[1]", {"oceanoutputs": [], "result": [1]}),
        (b"null", {"oceanoutputs": [], "result": None}),
    ],
)
def test_a_result_is_an_object_with_outputs(value: bytes, told: Any) -> None:
    """CS-15, 6.3: whatever the procedure returned."""
    found = ask("result", a_job(JOB, Returned(JsonText(value))))

    assert found.status == 200
    assert value_of(found) == told


def test_a_result_may_be_nested_as_deep_as_a_worker_may() -> None:
    """It was taken from the worker, so it is told."""
    deep = b"[" * 200 + b"]" * 200

    found = ask("result", a_job(JOB, Returned(JsonText(deep))))

    assert found.status == 200


def test_a_result_that_is_not_there_yet_is_202() -> None:
    """CS-16: with when to ask again."""
    told = ask("result", a_job(JOB, state=State.QUEUED))

    assert told.status == 202
    assert value_of(told) == {"status": "started"}
    assert told.headers["Retry-After"] == "1"


def test_a_result_may_be_waited_for() -> None:
    """CS-16: as long as it was asked to, and no job that has ended is waited for."""
    running = knowing(a_job(JOB))
    ended = knowing(a_job(JOB, RETURNED))

    late = answer(f"GET /services/train/jobs/result/{JOB}?wait=25e-1", running)
    told = answer(f"GET /services/train/jobs/result/{JOB}?wait=60", ended)

    assert (late.status, running.waited_s) == (202, [2.5])
    assert (told.status, ended.waited_s) == (200, [])


@pytest.mark.parametrize(
    ("query", "mention"),
    [
        ("?wait=61", "wait: expected a number of seconds up to 60"),
        ("?wait=x", "wait: expected a number of seconds up to 60"),
        ("?wait=-1", "wait: expected a number of seconds up to 60"),
        ("?consumer=c", 'unknown parameter "consumer"'),
        ("?consumerid=a&consumerId=b", "expected one of them"),
    ],
)
def test_a_parameter_that_is_wrong_is_told_of(query: str, mention: str) -> None:
    """400, with its name."""
    status, _, description = complaint_of(ask("result", a_job(JOB), query))

    assert status == 400
    assert mention in description


def test_the_status_is_not_waited_for() -> None:
    """So it takes no such parameter."""
    assert complaint_of(ask("status", a_job(JOB), "?wait=1"))[0] == 400


@pytest.mark.parametrize("what", ["status", "result"])
@pytest.mark.parametrize(
    ("record", "query"),
    [
        (a_job(JOB, service="other"), ""),
        (a_job(JOB, service=None), ""),
        (a_job(JOB, service=1), ""),
        (a_job(JOB, consumer="c"), "?consumerid=d"),
        (a_job(JOB, consumer="c"), "?consumerId=d"),
    ],
)
def test_others_jobs_are_as_jobs_that_are_not(
    what: str, record: JobRecord, query: str
) -> None:
    """CS-14, CS-19: 400, byte for byte as for an unknown id."""
    unknown = answer(f"GET /services/train/jobs/{what}/{OTHER}")
    nonsense = answer(f"GET /services/train/jobs/{what}/nonsense")

    told = ask(what, record, query)

    assert complaint_of(told) == NO_JOB
    assert told == unknown == nonsense


@pytest.mark.parametrize(
    ("record", "query"),
    [
        (a_job(JOB, consumer="c"), "?consumerid=c"),
        (a_job(JOB, consumer="c"), "?consumerid=c&consumerId=c"),
        (a_job(JOB, consumer="c"), ""),
        (a_job(JOB), "?consumerid=c"),
    ],
)
def test_a_consumer_need_not_say_who_he_is(record: JobRecord, query: str) -> None:
    """CS-19: it is not mandatory."""
    assert ask("status", record, query).status == 200


def test_who_may_read_nothing_is_told_so() -> None:
    """CS-21: other than that there is no such job."""

    class Closed(ScriptedMeans):
        async def job(self, job_id: Any) -> JobRecord:
            raise WireError(ErrorType.FORBIDDEN, str(job_id))

    with pytest.raises(WireError, match=JOB):
        answer(f"GET /services/train/jobs/status/{JOB}", Closed())


def test_errors_of_the_gateway_have_the_same_shape() -> None:
    """GW-6: `errorcode` and `description`, nothing else."""
    shapes = {route.error_shape for route in ADAPTER.routes}

    [shape] = shapes
    assert shape is not None
    assert shape(413, "too_large", "x") == (
        b'{"errorcode":413,"description":"x"}',
        "application/json",
    )
