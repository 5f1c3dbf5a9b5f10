"""Workflows of the tests' own, in the form of the public cases, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cumulus_workflow_cases import DIRECTORY, LIMITS, World, machine_of

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.cumulus.config import Settings
from harpcaller.adapters.machine import Action, Note
from protocol.jsontext import decode, encode
from protocol.outcome import Outcome, Raised, Returned

JOB = "job-1"


def a_message(**fields: Any) -> dict[str, Any]:
    """Return a message; `fields` come on top of the usual ones."""
    meta = {"stack": "st", "execution_name": "ex-1", "system_bucket": "in"}
    return {"cumulus_meta": meta, "meta": {}, "payload": None, **fields}


def a_list(*tasks: Any, **fields: Any) -> dict[str, Any]:
    """Return a definition in the list form; a bare task is called on host h."""
    named = [
        {"name": one, "host": "h"} if isinstance(one, str) else one for one in tasks
    ]
    return {"name": "Flow", "tasks": named, **fields}


def a_flow(**states: Any) -> dict[str, Any]:
    """Return a definition in Amazon States Language that starts at the first state."""
    return {"StartAt": next(iter(states)), "States": states}


def a_task(**fields: Any) -> dict[str, Any]:
    """Return a Task state; it ends the workflow unless it leads on."""
    if "Next" not in fields:
        fields["End"] = True
    return {"Type": "Task", "Resource": "harp://h/p", **fields}


def a_case(
    definition: Mapping[str, Any],
    procedures: Mapping[str, Any] | None = None,
    message: Any = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return a case; `arguments` beside the message come as fields of that name."""
    arguments = {
        "message": a_message() if message is None else message,
        **fields.pop("arguments", {}),
    }
    return {
        "name": "own",
        "workflow": fields.pop("procedure", "Flow"),
        "job_id": JOB,
        "definition": definition,
        "procedures": procedures or {},
        "arguments": arguments,
        **fields,
    }


def carried_out(case: Mapping[str, Any]) -> tuple[World, Outcome]:
    """Return what a case did, and how it ended."""
    world = World(case)
    return world, world.run(machine_of(case))


def result_of(case: Mapping[str, Any]) -> Any:
    """Return the result of a case that has one."""
    _, outcome = carried_out(case)
    assert isinstance(outcome, Returned), outcome
    return decode(outcome.value)


def failure_of(case: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the type and the data of the exception that a case ends with."""
    _, outcome = carried_out(case)
    assert isinstance(outcome, Raised), outcome
    assert outcome.data is not None
    return outcome.type, decode(outcome.data)


def notes_in(actions: Iterable[Action], word: str | None = None) -> list[Any]:
    """Return the packets that were noted, those of one kind if a `word` is given."""
    packets: list[Any] = [
        decode(action.packet) for action in actions if isinstance(action, Note)
    ]
    return [one for one in packets if word in (None, one["cumulus"])]


def loaded(
    *definitions: Any, documents: Mapping[str, Any] | None = None, **table: Any
) -> Settings | list[Problem]:
    """Return what loading a table with some definitions gives.

    The files are `0.json`, `1.json` …; `documents` are files in folders.
    """
    files = {
        f"{DIRECTORY}/{number}.json": _text(one)
        for number, one in enumerate(definitions)
    }
    for path, value in (documents or {}).items():
        files[f"{DIRECTORY}/{path}"] = _text(value)
    found = ADAPTER.load({"workflows": DIRECTORY, **table}, files, LIMITS)
    return found if isinstance(found, Settings) else list(found)


def problems_in(*definitions: Any, **more: Any) -> list[tuple[str, str]]:
    """Return the place and the words of each problem of some definitions."""
    found = loaded(*definitions, **more)
    assert isinstance(found, list), found
    return [(one.place, one.message) for one in found]


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else encode(value)
