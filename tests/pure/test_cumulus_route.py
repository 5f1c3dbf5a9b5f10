"""`POST /cumulus`: which call a request stands for, and what is answered."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cumulus_runs import a_case, a_list, a_message
from cumulus_workflow_cases import settings_of
from scripted_means import JOB, ScriptedMeans, done

from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.cumulus.config import Settings
from harpcaller.adapters.cumulus.route import call_for
from harpcaller.adapters.route import Answer, Asked
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.jsontext import decode, encode

ARN = "arn:aws:states:us-east-1:1:stateMachine:Flow"


def settings(**table: Any) -> Settings:
    """Return settings with the workflow Flow."""
    return settings_of(a_case(a_list("A"), config=table))


def call(message: Any, query: Any = None, **table: Any) -> Call:
    """Return the call that a request stands for."""
    return call_for(query or {"workflow": "Flow"}, encode(message), settings(**table))


def answered(asked: Asked, means: ScriptedMeans) -> Answer:
    """Return the answer of the route."""
    [route] = ADAPTER.routes
    return done(route.handler(asked, means, settings()))


def test_a_message_is_answered_by_a_job() -> None:
    """C-21: 202, its id, and where its result will be."""
    means = ScriptedMeans()
    asked = Asked(
        path={}, query={"workflow": "Flow"}, headers={}, body=encode(a_message())
    )

    answer = answered(asked, means)

    assert answer.status == 202
    assert isinstance(answer.body, bytes)
    assert decode(answer.body) == {"job_id": JOB}
    assert answer.headers["Location"] == f"/v1/jobs/{JOB}/result"
    [made] = means.calls
    assert (made.host, made.procedure) == ("@cumulus", "Flow")


@pytest.mark.parametrize(
    "message",
    [
        {"cumulus_meta": {"workflow_name": "Flow"}, "meta": {"workflow_name": "X"}},
        {"cumulus_meta": {"state_machine": "X"}, "meta": {"workflow_name": "Flow"}},
        {"cumulus_meta": {"state_machine": ARN}},
        {"cma": {"event": {"cumulus_meta": {"state_machine": ARN}}}},
    ],
)
def test_a_message_may_name_its_workflow(message: Any) -> None:
    """Messages of Step Functions do, one way or another."""
    made = call_for({}, encode(message), settings())

    assert made.procedure == "Flow"
    assert decode(made.arguments) == {"message": message}


def test_the_query_has_the_first_word() -> None:
    """It names the workflow, and where it begins and stops."""
    query = {"workflow": "Flow", "start_at": "A", "stop_after": "B"}

    made = call({"cumulus_meta": {"workflow_name": "X"}}, query)

    assert made.procedure == "Flow"
    arguments: Any = decode(made.arguments)
    assert (arguments["start_at"], arguments["stop_after"]) == ("A", "B")


@pytest.mark.parametrize(
    ("query", "body", "type_", "code"),
    [
        ({}, b"{", ErrorType.PARSE_ERROR, None),
        ({}, b"{}", ErrorType.INVALID_REQUEST, "Cumulus.UnknownWorkflow"),
        ({"work": "Flow"}, b"{}", ErrorType.INVALID_REQUEST, None),
        (
            {"workflow": "Flow"},
            b'{"cumulus_meta":{"queueName":"q"},"meta":{"queueExecutionLimits":{"q":0}}}',
            ErrorType.INVALID_REQUEST,
            "Cumulus.InvalidMessage",
        ),
    ],
)
def test_a_request_that_stands_for_no_call_is_refused(
    query: Any, body: bytes, type_: ErrorType, code: str | None
) -> None:
    """The gateway makes it a 400 with the error as body."""
    with pytest.raises(WireError) as refused:
        call_for(query, body, settings())

    assert refused.value.type == type_
    assert (refused.value.data or {}).get("code") == code


def test_an_execution_that_is_started_again_is_the_same_job() -> None:
    """`dedupe`: the digest of its ARN is the key; ARNs may be too long."""
    meta = {"state_machine": ARN, "execution_name": "ex-1"}
    arn = "arn:aws:states:us-east-1:1:execution:Flow:ex-1"

    made = call({"cumulus_meta": meta}, dedupe=True)
    wrapped = call({"cma": {"event": {"cumulus_meta": meta}}}, dedupe=True)

    assert made.key == wrapped.key == hashlib.sha256(arn.encode()).hexdigest()


def test_an_execution_without_a_name_is_always_a_new_one() -> None:
    """So is every one where nothing is said of `dedupe`."""
    meta = {"state_machine": ARN, "execution_name": "ex-1"}

    assert call({"cumulus_meta": meta}).key is None
    assert call({"cumulus_meta": {"state_machine": ARN}}, dedupe=True).key is None


@pytest.mark.parametrize(
    "message",
    [
        {
            "cumulus_meta": {"queueName": "q"},
            "meta": {"queueExecutionLimits": {"q": 5}},
        },
        {"cumulus_meta": {"queueUrl": "q", "queueExecutionLimits": {"q": 5}}},
    ],
)
def test_executions_wait_in_the_queue_that_throttles_them(message: Any) -> None:
    """Messages of Cumulus say how many may run at once, in two ways."""
    queue = call(message).queue

    assert queue is not None
    assert decode(queue.name) == {"cumulus": "execution", "queue": "q"}
    assert queue.concurrency == 5


@pytest.mark.parametrize(
    "message",
    [
        {"cumulus_meta": {"queueName": "q"}},
        {
            "cumulus_meta": {"queueName": "q"},
            "meta": {"queueExecutionLimits": {"r": 5}},
        },
        {"cumulus_meta": {"queueUrl": "q"}},
        {},
    ],
)
def test_a_queue_without_a_limit_does_not_throttle(message: Any) -> None:
    """No entry: unlimited."""
    assert call(message).queue is None
