"""What is told of a run that went wrong, and what was called until then."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    JOB,
    a_case,
    a_flow,
    a_list,
    a_message,
    a_task,
    carried_out,
    failure_of,
    result_of,
)
from cumulus_workflow_cases import machine_of, settings_of

from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.machine import End, Ended, Fetch, FetchFailed, child_id
from protocol.call import Call
from protocol.errors import ErrorType
from protocol.job import JobId
from protocol.jsontext import decode, encode
from protocol.outcome import Failed, Raised


def test_a_message_may_be_submitted_again() -> None:
    """By hand: data.message at data.task ends like an undisturbed run."""
    raised = {"exception": {"type": "E", "message": "m"}}
    tasks = a_list("A", "B", "C")
    whole = result_of(a_case(tasks, {"A": [{"result": 1}], "C": [{"result": 3}]}))
    _, data = failure_of(a_case(tasks, {"A": [{"result": 1}], "B": [raised]}))

    again = a_case(
        tasks,
        {"C": [{"result": 3}]},
        data["message"],
        arguments={"start_at": data["task"]},
    )
    world, _ = carried_out(again)

    assert [call["task"] for call in world.calls] == ["B", "C"]
    assert result_of(again) == whole | {"exception": "None"}


def test_an_exception_in_a_wrapper_is_begun_again_too() -> None:
    """What was wrapped once may be wrapped when it is submitted again."""
    inner = a_message(exception={"Error": "E"})
    wrapped = {"cma": {"event": inner}}

    case = a_case(a_list("A"), message=wrapped, arguments={"start_at": "A"})

    assert result_of(case) == a_message(exception="None")


def test_a_message_without_exception_has_none_after_a_start_within() -> None:
    """Identity: nothing is invented into it."""
    case = a_case(a_list("A", "B"), arguments={"start_at": "B"})

    assert result_of(case) == a_message()


def test_a_document_that_is_no_message_is_told_as_it_is() -> None:
    """A failure in plain parameters has nothing to put an exception into."""
    states = {
        "A": {"Type": "Pass", "Result": [1], "Next": "B"},
        "B": a_task(Parameters={}, InputPath="$.nope"),
    }

    _, data = failure_of(a_case(a_flow(**states)))

    assert data["message"] == [1]


def test_what_is_no_wrapper_is_left_alone() -> None:
    """A document may have a `cma` of its own."""
    states = {
        "A": {"Type": "Pass", "Result": {"cma": 1}, "Next": "B"},
        "B": a_task(),
    }

    type_, data = failure_of(a_case(a_flow(**states)))

    assert type_ == "Cumulus.InvalidMessage"
    assert data["message"]["cma"] == 1


def test_a_failure_names_what_could_not_be_had() -> None:
    """E8: bucket, key and code; the task was not called."""
    message = a_message(payload={"Bucket": "b", "Key": "k"})

    case = a_case(a_list("A"), message=message, objects={"b": {}})
    world, _ = carried_out(case)
    type_, data = failure_of(case)

    assert type_ == "RemoteResourceError"
    assert (data["code"], data["bucket"], data["key"]) == ("NoSuchKey", "b", "k")
    assert (data["attempts"], data["job_id"]) == (0, None)
    assert world.calls == []


def test_a_document_that_is_too_large_is_a_limit() -> None:
    """E11: whoever fetches it says so; one that comes all the same is judged."""
    message = a_message(payload={"Bucket": "b", "Key": "k"})
    case = a_case(
        a_list("A"),
        message=message,
        objects={"b": {"k": {"json": "x" * 100}}},
        config={"max_parsed_bytes": 50},
    )
    machine = machine_of(case)
    [*_, fetch] = machine.start(0)
    assert isinstance(fetch, Fetch)
    failed = FetchFailed(key=fetch.key, at=1, code="TooLarge", text="99, at most 50")

    [*_, end] = machine.on(failed)
    type_, data = failure_of(case)

    assert isinstance(end, End)
    assert isinstance(end.outcome, Raised)
    assert end.outcome.type == type_ == "States.DataLimitExceeded"
    assert end.outcome.message == "99, at most 50"
    assert "102, at most 50" in data["message"]["exception"]["Cause"]


def test_an_answer_may_not_nest_too_deeply() -> None:
    """A hundred levels are the most that any message may have."""
    deep: Any = 1
    for _ in range(101):
        deep = [deep]

    type_, _ = failure_of(a_case(a_list("A"), {"A": [{"result": deep}]}))

    assert type_ == "States.DataLimitExceeded"


def test_a_whole_message_is_held_to_its_form() -> None:
    """E15: the path of the first difference, after the call."""
    task = {"name": "A", "host": "h", "call": "message"}
    edits = [{"at": "/cumulus_meta/stack", "value": "other"}]

    type_, data = failure_of(
        a_case(a_list(task), {"A": [{"procedure": {"edits": edits}}]})
    )

    assert type_ == "Cumulus.InvalidAnswer"
    assert (data["path"], data["attempts"]) == ("cumulus_meta.stack", 1)


@pytest.mark.parametrize(
    ("objects", "bucket_allow", "error", "code"),
    [
        ({}, ["in"], "RemoteResourceError", "NoSuchBucket"),
        ({"in": {"": {"error": "AccessDenied"}}}, ["in"], "RemoteResourceError", None),
        ({"in": {}}, ["other"], "RemoteResourceError", "NotAllowed"),
    ],
)
def test_a_failed_store_does_not_repeat_the_task(
    objects: Any, bucket_allow: list[str], error: str, code: str | None
) -> None:
    """E16: the answer is in the log; the task ran once."""
    message = a_message(ReplaceConfig={"FullMessage": True})

    case = a_case(
        a_list("A"),
        {"A": [{"result": 1}]},
        message,
        objects=objects,
        config={"bucket_allow": bucket_allow},
    )
    world, _ = carried_out(case)
    type_, data = failure_of(case)

    assert type_ == error
    assert data["code"] == code or code is None
    assert len(world.calls) == 1


def test_a_message_that_names_no_bucket_cannot_be_stored() -> None:
    """E16: Cumulus.InvalidMessage, after the call."""
    message = {"cumulus_meta": {}, "ReplaceConfig": {"FullMessage": True}}

    type_, data = failure_of(a_case(a_list("A"), message=message))

    assert type_ == "Cumulus.InvalidMessage"
    assert data["attempts"] == 1


def test_arguments_have_a_limit() -> None:
    """E11: what a worker could not be sent is told before the call."""
    states = {"A": a_task(Parameters={"x.$": "$.payload"})}
    case = a_case(
        a_flow(**states),
        message=a_message(payload="x" * 600),
        config={"max_resolved_bytes": 500},
    )

    type_, _ = failure_of(case)

    assert type_ == "States.DataLimitExceeded"


def test_a_call_that_was_refused_took_no_time() -> None:
    """It never began: there are no seconds to be told."""
    case = a_case(a_list("A"))
    machine = machine_of(case)
    machine.start(0)
    outcome = Failed(type=ErrorType.OVERLOADED, message="too many jobs wait")
    refused = Ended(
        key="0.A/a0",
        at=1,
        job_id=child_id(JobId(JOB), "0.A/a0"),
        outcome=outcome,
        started_at=None,
        ended_at=None,
    )

    [end] = machine.on(refused)

    assert isinstance(end, End)
    assert isinstance(end.outcome, Raised)
    assert end.outcome.type == "HarpCaller.Overloaded"
    data: Any = decode(end.outcome.data or b"")
    assert "seconds" not in data["states"][0]


def test_a_job_of_no_message_ends_at_once() -> None:
    """Nothing admits such a call; a machine that gets one says so."""
    case = a_case(a_list("A"))
    settings = settings_of(case)
    call = Call(host="@cumulus", procedure="Flow", arguments=encode([3]))

    kept = ADAPTER.keep(settings, call)
    [end] = ADAPTER.machine(kept, JobId(JOB), call).start(0)

    assert isinstance(end, End)
    assert isinstance(end.outcome, Raised)
    assert end.outcome.type == "Cumulus.InvalidMessage"
    assert decode(end.outcome.data or b"") == {
        "path": "message",
        "task": None,
        "states": [],
        "message": 3,
    }
