"""Retry: who tries again, and how long it waits."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_task,
    carried_out,
    notes_in,
    problems_in,
)

from harpcaller.adapters.cumulus.retrying import MAX_WAIT_S, Retrier
from protocol.outcome import Raised

ALL = frozenset({"States.ALL"})
RAISED = {"exception": {"type": "ValueError", "message": "words"}}


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
