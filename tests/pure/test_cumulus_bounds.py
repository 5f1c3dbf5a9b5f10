"""No workflow goes on for ever, and no document grows without end."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from cumulus_runs import (
    JOB,
    a_case,
    a_flow,
    a_message,
    a_task,
    carried_out,
    failure_of,
    result_of,
)
from cumulus_workflow_cases import World, machine_of

from harpcaller.adapters.cumulus.execution import MAX_IN_A_ROW, MAX_VISITS
from harpcaller.adapters.machine import Sleep, Submit
from protocol.outcome import Raised

SUCCEED = {"Type": "Succeed"}


def test_a_loop_without_a_call_ends() -> None:
    """States.Runtime after a thousand states in a row."""
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}

    type_, data = failure_of(a_case(a_flow(**states)))

    assert type_ == "States.Runtime"
    assert str(MAX_IN_A_ROW) in data["message"]["exception"]["Cause"]


def test_a_task_that_is_never_called_is_no_way_out() -> None:
    """A state that fails before its call and is caught by itself ends too."""
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "A"}]
    states = {"A": a_task(Parameters={"x.$": "$.nope"}, Catch=catch)}

    type_, _ = failure_of(a_case(a_flow(**states)))

    assert type_ == "States.Runtime"


def test_a_loop_with_sleeps_ends_too() -> None:
    """After 25,000 visits; until then its machine keeps nothing of them."""
    states = {"A": {"Type": "Wait", "Seconds": 0, "Next": "A"}}
    world = World(a_case(a_flow(**states)))

    outcome = world.run(machine_of(world.case))

    assert isinstance(outcome, Raised)
    assert outcome.type == "States.Runtime"
    assert len(world.sleeps) == MAX_VISITS


@pytest.mark.parametrize(
    "state",
    [
        {"Parameters": {"a.$": "$", "b.$": "$"}},
        {"ResultPath": "$.payload"},
        {"Parameters": {"l": [{"x.$": "$"}] * 1000}},
    ],
)
def test_a_document_does_not_grow_without_end(state: Any) -> None:
    """Doubling itself a thousand times, it would be larger than the world."""
    states = {"A": {"Type": "Pass", "Next": "A", **state}}

    type_, _ = failure_of(a_case(a_flow(**states)))

    assert type_ == "States.DataLimitExceeded"


def test_a_document_may_be_wide_but_not_huge() -> None:
    """16 MiB of text is more than any task can be sent."""
    message = a_message(payload="x" * 1_000_000)
    wide = {"l": [{"x.$": "$"}] * 100}
    states = {"A": {"Type": "Pass", "Parameters": wide, "End": True}}

    type_, _ = failure_of(a_case(a_flow(**states), message=message))

    assert type_ == "States.DataLimitExceeded"


def test_keys_say_what_they_are() -> None:
    """Visits of tasks and states count from 0, attempts too."""
    retry = [{"ErrorEquals": ["States.ALL"]}]
    states = {
        "Self?": {"Type": "Pass", "Next": "A"},
        "A": a_task(Retry=retry, Next="B"),
        "B": a_task(),
    }
    raised = {"exception": {"type": "E", "message": "m"}}

    world, _ = carried_out(a_case(a_flow(**states), {"A": [raised, {"result": 1}]}))

    keys = [one.key for one in world.asked if isinstance(one, Submit | Sleep)]
    assert keys == ["1.A/a0", "1.A/wait0", "1.A/a1", "2.B/a0"]
    assert JOB == "job-1"


def test_no_state_needs_a_deep_stack() -> None:
    """A machine is told a thousand states in one go without recursing."""
    count = sys.getrecursionlimit() - 50
    states: dict[str, Any] = {
        f"S{number}": {"Type": "Pass", "Next": f"S{number + 1}"}
        for number in range(count)
    }
    states[f"S{count}"] = SUCCEED

    assert result_of(a_case(a_flow(**states))) == a_message()
