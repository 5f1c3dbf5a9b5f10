"""What the stream of a parent says of an answer: names and sizes, never values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from harpcaller.adapters.cumulus.execution import Execution, Visit
from protocol.jsontext import JsonValue, encode

MAX_PATHS: Final = 100
MAX_NAME: Final = 80  # characters of what an exception is called


def note_answer(
    execution: Execution, visit: Visit, before: JsonValue, after: JsonValue
) -> None:
    """Say that a task answered, and what it added under meta."""
    paths = islice(_added(before, after), MAX_PATHS)
    execution.note(
        "answered",
        {
            "task": visit.name,
            "job_id": visit.job_id,
            "seconds": visit.seconds,
            "payload_bytes": len(encode(_part(after, "payload"))),
            "meta_added": [*paths],
        },
    )


def name_of(exception: JsonValue) -> str:
    """Return what an exception is called, as far as it has a name."""
    value: Any = exception
    if isinstance(value, dict):
        names = (value.get(key) for key in ("Error", "type", "name"))
        value = next((name for name in names if isinstance(name, str)), None)
    return value[:MAX_NAME] if isinstance(value, str) else "exception"


def _part(message: JsonValue, name: str) -> JsonValue:
    return message.get(name) if isinstance(message, dict) else None


def _added(before: JsonValue, after: JsonValue) -> Iterator[str]:
    yield from _added_below(_part(before, "meta"), _part(after, "meta"), "meta")


def _added_below(before: JsonValue, after: JsonValue, path: str) -> Iterator[str]:
    if before is after or not isinstance(after, dict):
        return
    known = before if isinstance(before, dict) else {}
    for key, value in after.items():
        if key in known:
            yield from _added_below(known[key], value, f"{path}.{key}")
        else:
            yield f"{path}.{key}"
