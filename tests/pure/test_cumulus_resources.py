"""The table of resources: what tasks of many workflows have in common."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_list,
    a_message,
    a_task,
    carried_out,
    problems_in,
)


def with_key(**fields: Any) -> dict[str, Any]:
    """Return a list of one task that has some fields."""
    return a_list({"name": "A", "host": "h", **fields})


RESOURCE = {
    "host": "r",
    "procedure": "q",
    "call": "event",
    "timeout": 5,
    "max_exec_time": 50,
    "queue": {"name": {"x": "y"}},
    "fetch": False,
    "schemas": {"output": {"type": "integer"}},
    "output_format": "any",
    "task_config": {"v": "{meta.name}"},
}


def first_call(definition: Any, **more: Any) -> Any:
    """Return the first call that a workflow makes."""
    case = a_case(
        definition,
        {"A": [{"result": 1}]},
        a_message(meta={"name": "N"}),
        also_check=["queue", "timeout", "max_exec_time"],
        **more,
    )
    world, _ = carried_out(case)
    return world.calls[0]


def test_a_name_alone_is_that_of_a_resource() -> None:
    """What many workflows have in common is written once."""
    call = first_call(
        a_list({"name": "A"}), config={"resources": {"A": RESOURCE, "B": RESOURCE}}
    )

    assert (call["host"], call["procedure"]) == ("r", "q")
    assert (call["timeout"], call["max_exec_time"]) == (5, 50)
    assert call["queue"]["name"] == {"x": "y", "cumulus": "task"}
    assert call["arguments"] == [{"input": None, "config": {"v": "N"}}]


def test_a_bare_name_in_a_list_is_a_task() -> None:
    """A string stands for an object that has a name only."""
    definition = {"name": "Flow", "tasks": ["A"]}

    call = first_call(definition, config={"resources": {"A": {"host": "r"}}})

    assert (call["host"], call["procedure"]) == ("r", "A")


def test_a_task_has_the_last_word_on_its_resource() -> None:
    """Its own keys count where both say something."""
    call = first_call(
        a_list({"name": "A", "procedure": "own", "timeout": 7}),
        config={"resources": {"A": RESOURCE}},
    )

    assert (call["host"], call["procedure"], call["timeout"]) == ("r", "own", 7)


def test_a_task_with_a_host_has_nothing_of_a_resource() -> None:
    """A resource of the same name is for those who name no host."""
    call = first_call(with_key(), config={"resources": {"A": RESOURCE}})

    assert (call["host"], call["procedure"]) == ("h", "A")
    assert "queue" not in call


def test_a_state_has_the_last_word_on_limits() -> None:
    """TimeoutSeconds and HeartbeatSeconds are the state's."""
    state = a_task(Resource="${arn}", TimeoutSeconds=40)

    call = first_call(
        {"StartAt": "A", "States": {"A": state}},
        config={"resources": {"${arn}": RESOURCE}},
    )

    assert (call["timeout"], call["max_exec_time"]) == (5, 40)


@pytest.mark.parametrize(
    ("resource", "place", "mention"),
    [
        (3, "resources.A", "expected an object"),
        ({}, "resources.A.host", "a host, or a list"),
        ({"host": "h", "retry": []}, "resources.A.retry", "unknown key"),
        ({"host": "@h"}, "resources.A.host", 'does not begin with "@"'),
    ],
)
def test_a_resource_that_is_not_right_is_told_once(
    resource: Any, place: str, mention: str
) -> None:
    """It is a mistake of the table, however many definitions refer to it."""
    definitions = [with_key() | {"name": name} for name in ("One", "Two")]

    [(at, words)] = problems_in(*definitions, resources={"A": resource})

    assert at == place
    assert mention in words


def test_resources_are_a_table() -> None:
    """Anything else is told, and does not hide the rest."""
    [(place, words)] = problems_in(with_key(), resources=[])

    assert place == "resources"
    assert "expected an object" in words
