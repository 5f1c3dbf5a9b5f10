"""JSON pointers (RFC 6901) that are known to be right."""

from __future__ import annotations

from typing import Any

from protocol.jsontext import JsonValue


def steps(pointer: str) -> list[str]:
    """Return the keys and indexes that a pointer leads along."""
    return [
        token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]
    ]


def find(value: Any, pointer: str) -> JsonValue:
    """Return what is at the end of a pointer, None if nothing is."""
    for step in steps(pointer):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    found: JsonValue = value
    return found
