"""The model of what was told complains of each way to break a promise."""

from __future__ import annotations

from typing import Any

import pytest
from logging_worker import value_of
from told import Asked, Told

LOST = {"error": {"type": "missing_result", "message": "m"}}


def a_stream(count: int = 2, **fields: Any) -> Asked:
    """Return a call that streams."""
    given: dict[str, Any] = {"place": 0, "tag": "t", "host": "h", **fields}
    return Asked(procedure="stream", arguments={"n": count, "seconds": 0}, **given)


@pytest.fixture(name="told")
def fixture_told() -> Told:
    """Return a model that knows one job: "1" for a stream of two packets."""
    told = Told()
    asked = a_stream()
    told.send(asked)
    told.accept(asked, {"harpcaller": 1, "job_id": "1"})
    return told


def test_what_fits_together_breaks_nothing(told: Told) -> None:
    """A model that always complains shows nothing."""
    for number in range(2):
        told.take_packet("1", number, value_of("t", 1, number))
    told.take_outcome("1", {"result": {"tag": "t"}})
    told.take_whole_log("1", [0, 1], outcome=True)
    told.take_status("1", told_status())

    assert told.broken == []


def test_a_packet_that_changes_is_noticed(told: Told) -> None:
    """P4: its number is its name."""
    told.take_packet("1", 0, value_of("t", 1, 0))

    told.take_packet("1", 0, value_of("t", 1, 1))

    assert len(told.broken) == 1


def test_a_packet_of_another_job_is_noticed(told: Told) -> None:
    """P5: values pass unharmed, and to the right place."""
    told.take_packet("1", 0, value_of("u", 1, 0))

    assert len(told.broken) == 1


@pytest.mark.parametrize("numbers", [[], [0], [1], [0, 2]])
def test_a_log_that_lost_packets_is_noticed(told: Told, numbers: list[int]) -> None:
    """P1, P4: what was told is there, and nothing is missing before it."""
    told.take_packet("1", 1, value_of("t", 1, 1))

    told.take_whole_log("1", numbers, outcome=False)

    assert told.broken


def test_a_result_without_all_its_packets_is_noticed(told: Told) -> None:
    """The outcome is durable after the last packet."""
    told.take_packet("1", 0, value_of("t", 1, 0))
    told.take_outcome("1", {"result": {"tag": "t"}})

    told.take_whole_log("1", [0], outcome=True)

    assert len(told.broken) == 1


def test_a_log_that_goes_on_after_the_end_is_noticed(told: Told) -> None:
    """P2: there is one end."""
    told.may_lose = True
    told.take_outcome("1", LOST)

    told.take_whole_log("1", [], outcome=False)

    assert len(told.broken) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        {"result": {"tag": "u"}},
        {"cancelled": True},
        LOST,
        {"no_result": True},
        {"error": {"type": "timeout"}},
        {"error": {"type": "shutting_down"}},
    ],
)
def test_an_outcome_that_cannot_be_is_noticed(
    told: Told, outcome: dict[str, Any]
) -> None:
    """Nobody cancelled it, no dispatcher died, it has no limit."""
    told.take_outcome("1", outcome)

    assert len(told.broken) == 1


def test_an_outcome_that_changes_is_noticed(told: Told) -> None:
    """P2: and it never changes."""
    told.may_lose = True
    told.take_outcome("1", LOST)

    told.take_outcome("1", {"result": {"tag": "t"}})

    assert len(told.broken) == 1


def test_a_cancel_that_did_not_last_is_noticed(told: Told) -> None:
    """P1: `"cancelled": true` is a promise, too."""
    told.ask_cancel("1")
    told.take_cancelled("1")

    told.take_outcome("1", {"result": {"tag": "t"}})

    assert len(told.broken) == 1


def test_a_key_that_stands_for_two_jobs_is_noticed(told: Told) -> None:
    """A client that repeats a call after a crash would pay twice."""
    asked = told.asked["t"]

    told.accept_again(asked, "1", {"harpcaller": 1, "job_id": "2"})

    assert told.broken


def test_a_lost_job_is_noticed(told: Told) -> None:
    """P1: a job id that was told is known."""
    told.refuse("1", {"error": {"type": "invalid_jobid", "message": "m"}})

    assert len(told.broken) == 1


def test_what_was_refused_promises_nothing(told: Told) -> None:
    """A stop refuses new calls, and does not end the jobs of its followers."""
    told.refusals = frozenset({"shutting_down"})
    refusal = {"error": {"type": "shutting_down", "message": "m"}}

    told.accept(told.asked["t"], refusal)
    told.take_outcome("1", refusal)

    assert told.broken == []
    assert told.jobs["1"].outcome is None


def told_status() -> dict[str, Any]:
    """Return a right answer to get_status."""
    arguments = {"tag": "t", "n": 2, "seconds": 0}
    return {"info": {"tag": "t"}, "call": {"arguments": arguments}}
