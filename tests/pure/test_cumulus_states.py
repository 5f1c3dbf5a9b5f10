"""What each state of Amazon States Language does to the document, key by key."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_message,
    a_task,
    carried_out,
    failure_of,
    notes_in,
    result_of,
)

from harpcaller.adapters.machine import Sleep
from protocol.outcome import Raised

DOCUMENT = a_message(meta={"a": {"b": 1}, "l": [1, 2, {"c": 3}], "seconds": 7})
SUCCEED = {"Type": "Succeed"}


def passed(message: Any = None, **state: Any) -> Any:
    """Return what a Pass state makes of the document."""
    states = {"A": {"Type": "Pass", "End": True, **state}}
    return result_of(a_case(a_flow(**states), message=message or DOCUMENT))


def test_a_pass_hands_on_what_came_in() -> None:
    """Without anything said it does nothing."""
    assert passed() == DOCUMENT


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Result": {"x.$": "$.meta"}}, {"x.$": "$.meta"}),
        ({"Result": None}, None),
        ({"Result": 1, "Parameters": {"x.$": "$.nope"}}, 1),
        ({"InputPath": "$.meta.a"}, {"b": 1}),
        ({"InputPath": None}, {}),
        ({"OutputPath": "$.meta.a.b"}, 1),
        ({"OutputPath": None}, {}),
        ({"ResultPath": None, "Result": 1}, DOCUMENT),
        ({"ResultPath": "$.payload", "Result": 1}, DOCUMENT | {"payload": 1}),
        ({"ResultPath": "$.new.deep", "Result": 1}, DOCUMENT | {"new": {"deep": 1}}),
        (
            {"Result": 1, "ResultPath": "$.meta.l[0]", "OutputPath": "$.meta.l"},
            [1, 2, {"c": 3}],
        ),
        ({"Parameters": {"x.$": "$.meta.a", "y": "$.meta"}}, None),
        ({"InputPath": "$.meta", "Parameters": {"x.$": "$.a.b"}}, {"x": 1}),
        ({"Parameters": {"x.$": "$.meta.l[*]"}}, {"x": [1, 2, {"c": 3}]}),
        ({"Parameters": {"x.$": "$.meta.l[0:2]"}}, {"x": [1, 2]}),
        ({"Parameters": {"x.$": "$..c"}}, {"x": [3]}),
        ({"Parameters": {"x.$": "$..nope"}}, {"x": []}),
        ({"Parameters": {"x.$": "$['meta']['a']"}}, {"x": {"b": 1}}),
        ({"Parameters": {"l": [{"x.$": "$.meta.a.b"}, 2]}}, {"l": [{"x": 1}, 2]}),
    ],
)
def test_a_pass_selects_and_puts(state: Any, expected: Any) -> None:
    """Input, Parameters or Result, ResultPath, Output: in this order."""
    if "y" in state.get("Parameters", {}):
        expected = {"x": {"b": 1}, "y": "$.meta"}

    assert passed(**state) == expected


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"InputPath": "$.nope"}, "States.Runtime"),
        ({"OutputPath": "$.nope"}, "States.Runtime"),
        ({"Parameters": {"x.$": "$.nope"}}, "States.ParameterPathFailure"),
        ({"ResultPath": "$.meta.l[9]"}, "States.ResultPathMatchFailure"),
        ({"ResultPath": "$.cumulus_meta.stack.x"}, "States.ResultPathMatchFailure"),
    ],
)
def test_a_path_that_leads_nowhere_fails_the_state(state: Any, error: str) -> None:
    """The error says which path it is."""
    states = {"A": {"Type": "Pass", "End": True, **state}}

    type_, data = failure_of(a_case(a_flow(**states), message=DOCUMENT))

    assert type_ == error
    assert data["path"]
    assert data["task"] == "A"


def test_a_wait_sleeps() -> None:
    """Seconds are the definition's or the document's; the document goes on."""
    states = {
        "A": {"Type": "Wait", "Seconds": 3, "OutputPath": "$.meta", "Next": "B"},
        "B": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True},
    }

    case = a_case(a_flow(**states), message=DOCUMENT)
    world, _ = carried_out(case)

    assert world.sleeps == [3, 7]
    assert [one.key for one in world.asked if isinstance(one, Sleep)] == [
        "0.A/wait0",
        "1.B/wait0",
    ]
    assert result_of(case) == DOCUMENT["meta"]


@pytest.mark.parametrize("seconds", [-1, "5", True, None, 10**10])
def test_a_wait_needs_seconds(seconds: Any) -> None:
    """What is at the path may be anything; only some of it is a time."""
    states = {"A": {"Type": "Wait", "SecondsPath": "$.meta.x", "End": True}}

    type_, _ = failure_of(
        a_case(a_flow(**states), message=a_message(meta={"x": seconds}))
    )

    assert type_ == "States.Runtime"


def test_a_succeed_ends_with_its_document() -> None:
    """InputPath and OutputPath select once more."""
    states = {"A": SUCCEED | {"InputPath": "$.meta", "OutputPath": "$.a.b"}}

    assert result_of(a_case(a_flow(**states), message=DOCUMENT)) == 1


def test_a_fail_ends_with_its_words() -> None:
    """Error is the type; the document is told as it is, and no task had failed."""
    states = {"A": {"Type": "Fail", "Error": "Mine", "Cause": "because"}}

    case = a_case(a_flow(**states), message=DOCUMENT)
    _, outcome = carried_out(case)
    type_, data = failure_of(case)

    assert type_ == "Mine"
    assert isinstance(outcome, Raised)
    assert outcome.message == "because"
    assert (data["state"], data["task"]) == ("A", None)
    assert data["message"] == DOCUMENT


def test_a_fail_without_words_has_ours() -> None:
    """A type is needed by whoever reads the outcome."""
    type_, _ = failure_of(a_case(a_flow(A={"Type": "Fail"})))

    assert type_ == "Cumulus.WorkflowFailed"


# ── tasks ──
def test_a_task_with_plain_parameters_gets_them_as_arguments() -> None:
    """Nothing of messages holds for it: a WorkflowError is an exception."""
    states = {"A": a_task(InputPath="$.meta", Parameters={"x.$": "$.a", "y": 2})}
    procedures = {"A": [{"exception": {"type": "XWorkflowError", "message": "m"}}]}

    world, outcome = carried_out(a_case(a_flow(**states), procedures, DOCUMENT))

    assert world.calls[0]["arguments"] == {"x": {"b": 1}, "y": 2}
    assert isinstance(outcome, Raised)
    assert outcome.type == "XWorkflowError"


def test_a_task_puts_its_result_where_it_is_told() -> None:
    """Into the document as it came in, then OutputPath selects."""
    states = {
        "A": a_task(
            InputPath="$.meta",
            Parameters={},
            ResultPath="$.payload",
            OutputPath="$.payload.r",
        )
    }

    result = result_of(a_case(a_flow(**states), {"A": [{"result": {"r": 5}}]}))

    assert result == 5


def test_a_task_takes_what_input_path_selects_for_the_message() -> None:
    """A message may stand anywhere in the document."""
    states = {"A": a_task(InputPath="$.inner", ResultPath="$.inner")}
    message = a_message(inner=a_message(payload=1))

    result = result_of(a_case(a_flow(**states), {"A": [{"result": 2}]}, message))

    assert result == a_message(inner=a_message(payload=2))


def test_a_wrapped_message_is_unwrapped_before_paths_look_at_it() -> None:
    """States that are no calls see the message, not its wrapper."""
    wrapped = {"cma": {"event": DOCUMENT, "meta": {"a": 9}}, "more": 1}
    states = {"A": {"Type": "Pass", "OutputPath": "$.meta.a", "End": True}}

    assert result_of(a_case(a_flow(**states), message=wrapped)) == 9


def test_a_wrapped_message_stays_one_for_a_task() -> None:
    """What stood in the wrapper belongs to the message from then on."""
    wrapped = {"cma": {"event": a_message(), "task_config": {"v": "{meta.x}"}}}

    world, _ = carried_out(a_case(a_list("A"), message=wrapped))

    assert world.calls[0]["arguments"]["config"] == {"v": "{meta.x}"}


def cma(**step: Any) -> dict[str, Any]:
    """Return a workflow whose only task has a step's own words beside its message."""
    return a_flow(A=a_task(Parameters={"cma": {"event.$": "$", **step}}))


def test_a_step_configures_its_task() -> None:
    """Its configuration is used, and never in the message."""
    case = a_case(cma(task_config={"v.$": "$.meta.a.b"}), message=DOCUMENT)

    world, _ = carried_out(case)

    assert world.calls[0]["arguments"]["config"] == {"v": 1}
    assert result_of(case) == DOCUMENT


def test_a_step_without_configuration_leaves_it_to_the_message() -> None:
    """Like a definition that says nothing."""
    message = a_message(workflow_config={"A": {"v": 2}})

    world, _ = carried_out(a_case(cma(), message=message))

    assert world.calls[0]["arguments"]["config"] == {"v": 2}


@pytest.mark.parametrize("name", ["task_config", "ReplaceConfig"])
def test_a_step_says_objects(name: str) -> None:
    """What a path brings is known at run time only."""
    type_, _ = failure_of(a_case(cma(**{f"{name}.$": "$.meta.l"}), message=DOCUMENT))

    assert type_ == "Cumulus.InvalidWorkflow"


def test_a_step_stores_by_its_replace_config() -> None:
    """The key of what is stored is known beforehand: a replay gives the same."""
    replace = {"FullMessage": True}

    case = a_case(
        cma(ReplaceConfig=replace), {"A": [{"result": 1}]}, objects={"in": {}}
    )
    world, _ = carried_out(case)
    again, _ = carried_out(case)

    assert [*world.stored] == [*again.stored]
    assert notes_in(world.asked, "stored")[0]["task"] == "A"


def test_what_is_small_enough_is_not_stored() -> None:
    """The configuration leaves the message all the same."""
    replace = {"Path": "$.payload", "MaxSize": 1000}
    message = a_message(ReplaceConfig=replace)

    case = a_case(a_list("A"), {"A": [{"result": 1}]}, message)

    assert result_of(case) == a_message(payload=1)
