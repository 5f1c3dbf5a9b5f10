"""Which calls are workflows, and what a request for one means."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.panoptes.admission import (
    MAX_AGENT_CHARACTERS,
    Origin,
    admit,
    bounded,
    said_in,
    workflow_call,
)
from harpcaller.adapters.panoptes.settings import Settings
from protocol.call import Call, QueueSpec
from protocol.jsontext import JsonText, decode, encode

CALL = Call(
    host="@panoptes", procedure="workflow", arguments=encode({"name": "nightly"})
)


def test_a_workflow_is_known_by_its_name() -> None:
    """MW-1: it may come by the line protocol too; it ends when it falls silent."""
    assert admit(Settings(give_up_s=9), CALL) == Admitted(max_exec_s=9, label="nightly")
    nameless = attrs.evolve(CALL, arguments=JsonText(b"{}"))
    assert admit(Settings(give_up_s=9), nameless) == Admitted(max_exec_s=9)


@pytest.mark.parametrize(
    "change",
    [
        {"procedure": "other"},
        {"queue": QueueSpec(name=JsonText(b"{}"))},
        {"max_exec_s": 5.0},
        {"arguments": JsonText(b"[]")},
        {"arguments": encode({"name": 7})},
        {"arguments": encode({"name": "x" * 257})},
    ],
)
def test_what_is_no_workflow_is_refused(change: dict[str, Any]) -> None:
    """It takes no slot and has no limit: who asks for one would wait in vain."""
    found = admit(Settings(), attrs.evolve(CALL, **change))

    assert isinstance(found, Refused)
    assert str(found.data["field"]) in found.message


@pytest.mark.parametrize(
    ("body", "query", "said"),
    [
        ({}, {}, {}),
        ({"name": "a", "id": 1, "more": 2}, {}, {"name": "a", "more": 2}),
        ({"workflow_id": "a"}, {"name": "b"}, {"name": "b"}),
        ({"snakefile": "s"}, {"k": "v"}, {"snakefile": "s", "args": {"k": "v"}}),
        ({"args": {"a": 1}}, {"k": "v", "id": "x"}, {"args": {"a": 1, "k": "v"}}),
        ({"args": 7}, {"k": "v"}, {"args": {"k": "v"}}),
        ({}, {"workflow_id": "w", "name": ""}, {"name": "w"}),
    ],
)
def test_a_request_means_these_arguments(
    body: dict[str, Any], query: dict[str, str], said: dict[str, Any]
) -> None:
    """PM-13: what names nothing is kept as an argument of the workflow."""
    assert said_in(body, query) == said


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"name": "x" * 300}, {"name": "x" * 256}),
        ({"name": 7}, {"name": "7"}),
        ({"name": "", "a": 1}, {"a": 1}),
        ({"args": {"a": "x" * 20_000}, "b": 2}, {"b": 2}),
    ],
)
def test_the_older_paths_refuse_no_arguments(
    said: dict[str, Any], kept: dict[str, Any]
) -> None:
    """PL-2: a bad body is no error there, it would end the run."""
    assert bounded(said) == kept


def test_a_workflow_keeps_so_much_of_what_its_client_calls_itself() -> None:
    """MW-1: a head may have sixteen thousand bytes of it, and each list shows it."""
    origin = Origin(dialect="m1", reporter="me", agent="a" * 999)

    call = workflow_call({"name": "n"}, origin)

    assert decode(call.info) == {
        "panoptes": {
            "name": "n",
            "dialect": "m1",
            "reporter": "me",
            "agent": "a" * MAX_AGENT_CHARACTERS,
        }
    }
