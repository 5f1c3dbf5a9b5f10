"""Draft-07 schemas of the data-operation message, made from the facts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.harmony.facts import FACTS, Fact, Kind

_KINDS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.URI: {"type": "string", "format": "uri"},
    Kind.UUID: {"type": "string", "format": "uuid"},
    Kind.TIME: {"type": "string", "format": "date-time"},
    Kind.FLAG: {"type": "boolean"},
    Kind.NUMBER: {"type": "number"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOX: {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 4,
        "maxItems": 4,
    },
    Kind.POINT: {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "maxItems": 2,
    },
    Kind.OBJECT: {"type": "object", "additionalProperties": False},
    Kind.OBJECT_OR_NULL: {"type": ["object", "null"], "additionalProperties": False},
    # What is said of an object's fields does not hold for a string.
    Kind.OBJECT_OR_TEXT: {"type": ["object", "string"], "additionalProperties": False},
    Kind.ANY_OBJECT: {"type": "object"},
    Kind.LIST: {"type": "array"},
}


@functools.cache
def schema(minor: int) -> Mapping[str, Any]:
    """Return the schema of version 0.`minor`.0; nobody may change it."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_KINDS[Kind.OBJECT],
    }
    for fact in FACTS:
        if fact.is_known(minor):
            _place(root, fact, minor)
    return root


def _place(root: dict[str, Any], fact: Fact, minor: int) -> None:
    *way, last = fact.path[1:].split("/")
    parent = root
    for step in way:
        parent = parent["items"] if step == "*" else parent["properties"][step]
    if last == "*":
        parent["items"] = dict(_KINDS[fact.kind])
        return
    parent.setdefault("properties", {})[last] = dict(_KINDS[fact.kind])
    if fact.is_required(minor):
        parent.setdefault("required", []).append(last)
