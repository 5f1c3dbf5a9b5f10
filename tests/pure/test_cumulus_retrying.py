"""Retry and Catch: who tries again, how long it waits, and what names an error."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_task,
    carried_out,
    failure_of,
    notes_in,
    problems_in,
    result_of,
)

from harpcaller.adapters.cumulus.retrying import MAX_WAIT_S, Retrier
from protocol.outcome import Raised

ALL = frozenset({"States.ALL"})


def retried(outcome: Any, *names: str) -> bool:
    """Tell whether a call that ends so is made again by a retrier of these names."""
    task = {"name": "A", "host": "h", "retry": [{"ErrorEquals": [*names]}]}
    world, _ = carried_out(a_case(a_list(task), {"A": [outcome, {"result": 1}]}))
    return len(world.calls) > 1


def caught(outcome: Any, name: str, **task: Any) -> bool:
    """Tell whether a call that ends so is caught by a name."""
    catch = [{"ErrorEquals": [name], "Next": "Caught"}]
    states = {"A": a_task(Catch=catch, **task), "Caught": {"Type": "Succeed"}}
    _, end = carried_out(a_case(a_flow(**states), {"A": [outcome]}))
    return not isinstance(end, Raised)


def error(type_: str, **data: Any) -> dict[str, Any]:
    """Return an error of a call as it is on the wire."""
    told: dict[str, Any] = {"type": type_, "message": "words"}
    return {"error": told | ({"data": data} if data else {})}


RAISED = {"exception": {"type": "ValueError", "message": "words"}}
SILENT = error("timeout", limit="timeout")
LONG = error("timeout", limit="max_exec_time")
LAMBDA = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
NAMES = [
    (RAISED, {"ValueError", "States.TaskFailed", "States.ALL"}),
    (
        error("network_error"),
        {"HarpCaller.NetworkError", *LAMBDA, "States.TaskFailed", "States.ALL"},
    ),
    (
        error("overloaded"),
        {"HarpCaller.Overloaded", *LAMBDA, "States.TaskFailed", "States.ALL"},
    ),
    (SILENT, {"States.HeartbeatTimeout", "States.Timeout", "States.ALL"}),
    (LONG, {"States.Timeout", "States.ALL"}),
    (error("timeout"), {"States.Timeout", "States.ALL"}),
    (error("missing_result"), {"HarpCaller.Lost"}),
    ({"cancelled": True}, {"HarpCaller.Cancelled"}),
    (
        error("os_error"),
        {"HarpCaller.OSError", "Lambda.Unknown", "States.TaskFailed", "States.ALL"},
    ),
    (
        error("no_such_procedure"),
        {
            "HarpCaller.NoSuchProcedure",
            "Lambda.Unknown",
            "States.TaskFailed",
            "States.ALL",
        },
    ),
]
EVERY_NAME = sorted(set().union(*(names for _, names in NAMES)))


@pytest.mark.parametrize(("outcome", "names"), NAMES)
def test_a_retrier_knows_an_end_by_these_names_and_no_others(
    outcome: Any, names: set[str]
) -> None:
    """Existing Retry blocks keep working; what may have run is not run again."""
    matching = {name for name in EVERY_NAME if retried(outcome, name)}

    assert matching == names


@pytest.mark.parametrize(("outcome", "names"), NAMES)
def test_a_catcher_knows_an_end_by_the_same_names(
    outcome: Any, names: set[str]
) -> None:
    """But for a lost call: who catches all of them may go on without it."""
    if outcome == error("missing_result"):
        names = names | {"States.ALL"}

    matching = {name for name in EVERY_NAME if caught(outcome, name)}

    assert matching == names


def test_a_workers_own_word_becomes_a_name() -> None:
    """Who reads a failure sees which worker's error it was."""
    type_, _ = failure_of(a_case(a_list("A"), {"A": [error("disk_full_up")]}))

    assert type_ == "HarpCaller.DiskFullUp"


def test_an_error_of_the_adapter_is_never_retried() -> None:
    """It would come out the same again."""
    task = {
        "name": "A",
        "host": "h",
        "output_format": "null",
        "retry": [{"ErrorEquals": ["States.ALL"]}],
    }

    world, _ = carried_out(a_case(a_list(task), {"A": [{"result": 1}]}))

    assert len(world.calls) == 1


@pytest.mark.parametrize(
    ("name", "parameters", "by_all"),
    [
        ("States.ParameterPathFailure", {"x.$": "$.nope"}, True),
        ("Cumulus.InvalidMessage", {"cma": {"event": {"meta": 1}}}, False),
        (
            "RemoteResourceError",
            {
                "cma": {
                    "event": {
                        "cumulus_meta": {},
                        "payload": {"Bucket": "b", "Key": "k"},
                    }
                }
            },
            True,
        ),
    ],
)
def test_an_error_of_the_adapter_is_caught_by_its_name(
    name: str, parameters: Any, *, by_all: bool
) -> None:
    """States.ALL stands for what tasks do, not for a message that cannot be used."""
    assert caught(None, name, Parameters=parameters)
    assert caught(None, "States.ALL", Parameters=parameters) == by_all
    assert not caught(None, "States.TaskFailed", Parameters=parameters)


def test_nothing_catches_a_run_time_error() -> None:
    """A definition that selects what is not there has to be mended."""
    assert not caught(None, "States.Runtime", InputPath="$.nope")
    assert not caught(None, "States.ALL", InputPath="$.nope")


def test_an_exception_of_a_task_is_its_own_whatever_it_is_called() -> None:
    """A task's RemoteResourceError is retried like any other exception."""
    outcome = {"exception": {"type": "RemoteResourceError", "message": "gone"}}

    assert retried(outcome, "States.ALL")


def test_each_retrier_counts_for_itself() -> None:
    """The first that names the error decides; a used-up one ends the trying."""
    retry = [
        {"ErrorEquals": ["ValueError"], "MaxAttempts": 1, "IntervalSeconds": 5},
        {"ErrorEquals": ["KeyError"], "MaxAttempts": 2, "IntervalSeconds": 7},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 9},
    ]
    other = {"exception": {"type": "KeyError", "message": "words"}}
    task = {"name": "A", "host": "h", "retry": retry}

    world, end = carried_out(
        a_case(a_list(task), {"A": [other, RAISED, other, RAISED, {"result": 1}]})
    )

    assert world.sleeps == [7, 5, 14]
    assert isinstance(end, Raised)
    assert end.type == "ValueError"


def test_each_visit_has_its_retries_anew() -> None:
    """A loop that comes back later is not punished for what happened before."""
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 1}]
    states = {
        "A": a_task(Retry=retry, ResultPath="$.n", Next="Again"),
        "Again": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "Done"}],
            "Default": "A",
        },
        "Done": {"Type": "Succeed"},
    }
    outcomes = [RAISED, {"result": 1}, RAISED, {"result": 2}]
    states["A"]["Parameters"] = {}

    world, _ = carried_out(a_case(a_flow(**states), {"A": outcomes}))

    assert world.sleeps == [1, 1]
    assert [call["attempt"] for call in world.calls] == [0, 1, 0, 1]


def test_no_attempts_is_never() -> None:
    """MaxAttempts 0 takes an error out of the retriers that follow."""
    retry = [
        {"ErrorEquals": ["ValueError"], "MaxAttempts": 0},
        {"ErrorEquals": ["States.ALL"]},
    ]

    world, _ = carried_out(
        a_case(a_list({"name": "A", "host": "h", "retry": retry}), {"A": [RAISED]})
    )

    assert len(world.calls) == 1


def test_a_retry_is_told() -> None:
    """Who follows the stream sees why nothing happens for a while."""
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2.5}]
    task = {"name": "A", "host": "h", "retry": retry}

    world, _ = carried_out(a_case(a_list(task), {"A": [RAISED, {"result": 1}]}))

    [told] = notes_in(world.asked, "retry")
    assert told == {
        "cumulus": "retry",
        "task": "A",
        "attempt": 1,
        "error": "ValueError",
        "in_seconds": 2.5,
    }


def test_waits_grow_up_to_their_maximum() -> None:
    """Each is the one before times the rate; MaxDelaySeconds caps them."""
    retrier = Retrier(errors=ALL, interval_s=2, backoff_rate=3, max_delay_s=50)

    waits = [retrier.wait_s(count, "") for count in range(5)]

    assert waits == [2, 6, 18, 50, 50]


def test_no_wait_is_longer_than_for_ever() -> None:
    """A rate that outgrows every number is no error."""
    retrier = Retrier(errors=ALL, interval_s=1, backoff_rate=10.0)

    assert retrier.wait_s(400, "") == MAX_WAIT_S


def test_whole_seconds_are_told_as_such() -> None:
    """A rate of 2.0 makes no 4.0 of a 4."""
    assert type(Retrier(errors=ALL, backoff_rate=2.0).wait_s(2, "")) is int


def test_jitter_is_drawn_from_the_childs_key() -> None:
    """C-10: in [0, interval), another for each attempt and job, the same on replay."""
    retrier = Retrier(errors=ALL, interval_s=100, backoff_rate=1, has_jitter=True)

    waits = [retrier.wait_s(0, f"key-{number}") for number in range(200)]

    assert all(0 <= wait < 100 for wait in waits)
    assert len(set(waits)) == 200
    assert 40 < sum(waits) / 200 < 60
    assert waits[0] == retrier.wait_s(0, "key-0")


def test_jitter_differs_between_attempts_and_jobs() -> None:
    """C-10: what failed together must not come back together."""
    retry = [
        {"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL", "BackoffRate": 1}
    ]
    definition = a_list({"name": "A", "host": "h", "retry": retry})

    one, _ = carried_out(a_case(definition, {"A": [RAISED]}))
    same, _ = carried_out(a_case(definition, {"A": [RAISED]}))
    other, _ = carried_out(a_case(definition, {"A": [RAISED]}) | {"job_id": "job-2"})

    assert len(set(one.sleeps + other.sleeps)) == 6
    assert one.sleeps == same.sleeps


@pytest.mark.parametrize(
    ("retrier", "mention"),
    [
        ({}, "ErrorEquals: expected a list of names"),
        ({"ErrorEquals": []}, "ErrorEquals: expected a list of names"),
        ({"ErrorEquals": "ValueError"}, "ErrorEquals: expected a list of strings"),
        ({"ErrorEquals": ["States.ALL", "X"]}, "ErrorEquals: expected States.ALL to"),
        ({"ErrorEquals": ["X"], "IntervalSeconds": 0}, "IntervalSeconds: expected"),
        ({"ErrorEquals": ["X"], "IntervalSeconds": True}, "IntervalSeconds: expected"),
        ({"ErrorEquals": ["X"], "MaxAttempts": -1}, "MaxAttempts: expected a whole"),
        ({"ErrorEquals": ["X"], "MaxAttempts": 1.5}, "MaxAttempts: expected a whole"),
        ({"ErrorEquals": ["X"], "BackoffRate": 0.5}, "BackoffRate: expected a number"),
        ({"ErrorEquals": ["X"], "MaxDelaySeconds": "9"}, "MaxDelaySeconds: expected"),
        ({"ErrorEquals": ["X"], "JitterStrategy": "HALF"}, "JitterStrategy: expected"),
        ({"ErrorEquals": ["X"], "MaxAttempt": 1}, 'did you mean "MaxAttempts"?'),
    ],
)
def test_a_retrier_that_is_not_right_is_refused(retrier: Any, mention: str) -> None:
    """E6: at load, with its place."""
    task = {"name": "A", "host": "h", "retry": [retrier]}

    problems = problems_in(a_list(task))

    told = [f"{place}: {words}" for place, words in problems]
    assert any(one.startswith("tasks[0].retry[0].") and mention in one for one in told)


def test_all_errors_come_last() -> None:
    """E6: what stands behind States.ALL would never count."""
    catch = [
        {"ErrorEquals": ["States.ALL"], "Next": "Done"},
        {"ErrorEquals": ["X"], "Next": "Done"},
    ]
    states = {"A": a_task(Catch=catch), "Done": {"Type": "Succeed"}}

    [(place, words)] = problems_in(a_flow(**states))

    assert place == "States.A.Catch[0].ErrorEquals"
    assert "States.ALL in the last one only" in words


def test_what_is_caught_goes_where_the_catcher_says() -> None:
    """The error stands in the document as it came into the state."""
    catch = [
        {"ErrorEquals": ["KeyError"], "Next": "Other"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.meta.why", "Next": "Done"},
    ]
    states = {
        "A": a_task(Catch=catch, ResultPath="$.meta.result"),
        "Other": {"Type": "Fail"},
        "Done": {"Type": "Succeed"},
    }

    world, _ = carried_out(a_case(a_flow(**states), {"A": [RAISED]}))
    result = result_of(a_case(a_flow(**states), {"A": [RAISED]}))

    assert result["meta"] == {"why": {"Error": "ValueError", "Cause": "words"}}
    [told] = notes_in(world.asked, "caught")
    assert told["next"] == "Done"


def test_a_catcher_without_a_path_takes_the_place_of_the_document() -> None:
    """ResultPath is `$` if nothing is said, and null throws the error away."""
    for given, expected in (
        ({}, {"Error": "ValueError", "Cause": "words"}),
        ({"ResultPath": None}, {"x": 1}),
    ):
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done", **given}]
        states = {
            "Begin": {"Type": "Pass", "Result": {"x": 1}, "Next": "A"},
            "A": a_task(Catch=catch, Parameters={}),
            "Done": {"Type": "Succeed"},
        }

        assert result_of(a_case(a_flow(**states), {"A": [RAISED]})) == expected


def test_an_error_that_has_no_place_ends_the_run() -> None:
    """A scalar in the way of a catcher's ResultPath is a failure of its own."""
    catch = [
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.payload.x", "Next": "Done"}
    ]
    states = {"A": a_task(Catch=catch), "Done": {"Type": "Succeed"}}

    type_, data = failure_of(
        a_case(a_flow(**states), {"A": [RAISED]}, {"cumulus_meta": {}, "payload": 1})
    )

    assert type_ == "States.ResultPathMatchFailure"
    assert data["task"] == "A"


def test_a_failure_tells_what_led_to_it() -> None:
    """Each task with its last call, how long that took, and how it ended."""
    _, data = failure_of(
        a_case(a_list("A", "B"), {"A": [{"result": 1}], "B": [RAISED]})
    )

    assert [one["task"] for one in data["states"]] == ["A", "B"]
    assert [one["outcome"] for one in data["states"]] == ["result", "ValueError"]
    assert {one["seconds"] for one in data["states"]} == {0.5}
    assert data["job_id"] == data["states"][1]["job_id"]
    assert (data["index"], data["attempts"]) == (1, 1)
