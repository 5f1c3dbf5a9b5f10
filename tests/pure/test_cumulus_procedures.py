"""Our own procedures: one task, a dry run, and all that is wrong with a message."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_message,
    a_task,
    failure_of,
    result_of,
)
from cumulus_workflow_cases import RefusedCase, machine_of


def own(procedure: str, message: Any, **arguments: Any) -> Any:
    """Return a case that calls one of our own procedures."""
    case = a_case(
        a_list("A", {"name": "B", "host": "h", "queue": {"name": {"p": "{meta.p}"}}}),
        {"A": [{"result": 1}], "B": [{"result": 2}]},
        message,
        procedure=procedure,
        arguments={"workflow": "Flow"} | arguments,
    )
    return case | {"file": "Flow"}


def test_one_task_of_a_workflow_can_be_run() -> None:
    """`cumulus.task`: its message comes back; an exception in it is data."""
    message = a_message(exception={"Error": "E"})

    assert result_of(own("cumulus.task", message, task="B")) == message | {"payload": 2}


def test_a_message_names_its_workflow() -> None:
    """As over HTTP: by name in either object, or by the end of its machine's ARN."""
    for fields in (
        {"cumulus_meta": {"workflow_name": "Flow"}},
        {"cumulus_meta": {}, "meta": {"workflow_name": "Flow"}},
        {"cumulus_meta": {"state_machine": "arn:aws:states:us-east-1:1:sm:Flow"}},
        {"cma": {"event": {"cumulus_meta": {"workflow_name": "Flow"}}}},
    ):
        case = own("cumulus.task", fields, task="A")
        del case["arguments"]["workflow"]

        assert result_of(case)


def test_a_dry_run_tells_the_call_and_makes_none() -> None:
    """C-8: as it would be, but for secrets; what is referred to is fetched."""
    message = a_message(
        meta={"p": "x", "token": "t0ken-1"},
        payload={"Bucket": "b", "Key": "k"},
        workflow_config={"B": {"t": "{meta.token}", "cumulus_message": {"input": "i"}}},
    )
    objects = {"b": {"k": {"json": [1]}}}

    told = result_of(own("cumulus.resolve", message, task="B") | {"objects": objects})

    assert told["event"] == {
        "input": "i",
        "config": {"t": "***"},
        "messageConfig": {"input": "i"},
    }
    assert told["call"]["arguments"] == {"input": "i", "config": {"t": "***"}}
    assert told["call"]["queue"] == {
        "name": {"cumulus": "task", "p": "x"},
        "concurrency": 1,
    }
    assert (told["call"]["host"], told["call"]["procedure"]) == ("h", "B")
    assert told["call"]["info"]["cumulus"]["attempt"] == 0


def test_a_dry_run_of_plain_parameters_tells_them() -> None:
    """There is no event but the arguments."""
    states = {"A": a_task(Parameters={"x.$": "$.payload"})}
    case = a_case(
        a_flow(**states),
        message=a_message(payload=1),
        procedure="cumulus.resolve",
        arguments={"workflow": "Flow", "task": "A"},
    )

    assert result_of(case | {"file": "Flow"})["event"] == {"x": 1}


def test_a_dry_run_fails_like_the_run() -> None:
    """That is what it is for."""
    message = a_message(payload={"Bucket": "b", "Key": "k"})

    type_, data = failure_of(own("cumulus.resolve", message, task="A"))

    assert type_ == "RemoteResourceError"
    assert data["task"] == "A"


def test_all_problems_of_a_message_are_told_at_once() -> None:
    """C-8: `cumulus.validate` names the code, the path and what was expected."""
    outputs = {"cumulus_message": {"outputs": 3}}
    message = {
        "meta": [],
        "workflow_config": {"A": outputs, "B": outputs, "C": 1},
        "ReplaceConfig": {"Path": "$..x"},
    }

    problems = result_of(own("cumulus.validate", message))

    assert [(one["code"], one["path"]) for one in problems] == [
        ("Cumulus.InvalidMessage", "cumulus_meta"),
        ("Cumulus.InvalidMessage", "workflow_config.C"),
        ("Cumulus.InvalidMessage", "meta"),
        ("Cumulus.InvalidWorkflow", "task_config.cumulus_message.outputs"),
        ("Cumulus.InvalidWorkflow", "ReplaceConfig.Path"),
    ]
    assert all(one["problem"] for one in problems)


@pytest.mark.parametrize(
    ("message", "count"),
    [
        (a_message(), 0),
        (3, 1),
        ({"replace": {}}, 1),
        ({"replace": {"Bucket": "b", "Key": "k"}}, 0),
        (a_message(workflow_config=3), 1),
    ],
)
def test_a_message_is_judged_without_a_workflow_too(message: Any, count: int) -> None:
    """Its form is the same for all of them."""
    case = own("cumulus.validate", message, workflow="Unknown")

    assert len(result_of(case)) == count


def test_a_workflow_of_plain_parameters_configures_nothing() -> None:
    """What a message says of such a task is not looked at."""
    case = a_case(
        a_flow(A=a_task(Parameters={})),
        message=a_message(task_config={"cumulus_message": 3}),
        procedure="cumulus.validate",
        arguments={"workflow": "Flow"},
    )

    assert result_of(case | {"file": "Flow"}) == []


def test_a_refusal_shows_no_values() -> None:
    """C-7: an error text is read by more people than a message is."""
    message = a_message(meta="C4n4ry-p4ss")

    with pytest.raises(RefusedCase) as refused:
        machine_of(a_case(a_list("A"), message=message))

    assert "C4n4ry" not in refused.value.message
