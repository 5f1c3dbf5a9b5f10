"""The public cases of whole workflows, and that a log tells a machine all it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from cumulus_workflow_cases import RefusedCase, World, machine_of, run_workflow_case
from json_values import is_same

from harpcaller.adapters.machine import Action, Note
from protocol.jsontext import decode, encode

FILE = Path(__file__).parents[1] / "corpus" / "cumulus" / "workflows.jsonl"
CASES: list[Any] = [decode(line) for line in FILE.read_bytes().splitlines()]
CARRIED_OUT = [case for case in CASES if "refused" not in case["expected"]]
OBJECT_ID = re.compile(rb"events/[0-9a-f-]{36}")
ANY_ID = b"events/00000000-0000-4000-8000-000000000000"


def test_no_case_is_missing() -> None:
    """They are all there, each with a name of its own."""
    assert len({case["name"] for case in CASES}) == 46


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_workflow_goes_as_its_case_says(case: Mapping[str, Any]) -> None:
    """Calls, waits, outcome and what is stored; values are equal as JSON."""
    expected = case["expected"]

    came: Any = decode(OBJECT_ID.sub(ANY_ID, encode(run_workflow_case(case))))

    if "refused" in expected:
        assert came["refused"]["type"] == expected["refused"]["type"]
        for mention in expected["refused"]["mentions"]:
            assert mention in came["refused"]["message"]
        return
    assert is_same(came["calls"], expected["calls"])
    assert is_same(came["sleeps"], expected["sleeps"])
    assert is_same(came["stored"], expected.get("stored", {}))
    check_outcome(came["outcome"], expected["outcome"], case.get("exact_cause", []))


def check_outcome(came: Any, expected: Any, exact_cause: Sequence[str]) -> None:
    """Compare outcomes; of most exceptions the wording does not count."""
    if "exception" not in expected:
        assert is_same(came, expected)
        return
    told, wanted = came["exception"], expected["exception"]
    assert told["type"] == wanted["type"]
    for field in ("task", "state"):
        assert told["data"].get(field) == wanted["data"].get(field)
    if wanted["type"] not in exact_cause:
        cause = wanted["data"]["message"]["exception"]["Cause"]
        told["data"]["message"]["exception"]["Cause"] = cause
    assert is_same(told["data"]["message"], wanted["data"]["message"])


@pytest.mark.parametrize("case", CARRIED_OUT, ids=lambda case: case["name"])
def test_a_machine_goes_on_from_any_place_in_its_log(case: Mapping[str, Any]) -> None:
    """C-5: after a restart it asks for the same, and says that it was resumed."""
    world = World(case)
    world.run(machine_of(case))
    told: list[Any] = [*world.told]

    for lived in range(len(told) + 1):
        machine = machine_of(case)
        asked: list[Action] = [*machine.start(1)]
        for number, event in enumerate(told):
            # What had no event when the dispatcher died is asked for once more.
            asked += machine.on(attrs.evolve(event, again=number == lived))

        resumed = [action for action in asked if is_resumption(action)]
        assert len(resumed) == (lived < len(told))
        assert [one for one in asked if one not in resumed] == world.asked


def is_resumption(action: Action) -> bool:
    """Tell whether a machine says that it was resumed."""
    return isinstance(action, Note) and action.packet.find(b'"resumed"') >= 0


def test_what_is_refused_makes_no_machine() -> None:
    """A job is not made of a definition or message that is not right."""
    for case in CASES:
        if "refused" in case["expected"]:
            with pytest.raises(RefusedCase):
                machine_of(case)
