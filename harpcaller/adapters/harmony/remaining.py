"""A message as the services of a step left it: what they have done is gone from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from harpcaller.adapters.harmony.message import SECRETS, Mode, read_message
from harpcaller.adapters.harmony.refusals import Refusal

# What the schema wants, and a service may have taken away whole.
_TOKEN = ("accessToken",)  # no service leaves it
_NEEDED = ("version", "requestId", "user", "client", "stagingLocation", "sources")


def remaining(
    fields: Mapping[str, Any], left: Sequence[Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    """Return what all that was `left` of the message `fields` has in common to do.

    A field is gone only if everybody dropped it. None if somebody left nothing, or
    what is no message.
    """
    told = [_without_nulls(each) for each in left if each is not None]
    if not told or len(told) < len(left):
        return None
    merged: dict[str, Any] = reduce(_union, told)
    needed = {name: fields[name] for name in _NEEDED if name in fields}
    token = {name: fields[name] for name in _TOKEN if name in fields}
    merged = {"format": {}, "subset": {}, **needed, **merged, **token}
    try:
        return read_message(merged, Mode.COMPAT).fields
    except Refusal:
        return None


def shown(
    fields: Mapping[str, Any], left: Sequence[Mapping[str, Any] | None]
) -> Mapping[str, Any]:
    """Return what is left of a message for whoever asks, without secrets."""
    found = remaining(fields, left) or fields
    return {name: found[name] for name in found if name not in SECRETS}


def _union(one: Any, other: Any) -> Any:
    """Return what one or the other has; lists are merged member by member."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = {name: _union(one[name], other[name]) for name in one if name in other}
        return {**other, **one, **both}
    if isinstance(one, list) and isinstance(other, list):
        pairs = [_union(*pair) for pair in zip(one, other, strict=False)]
        return [*pairs, *one[len(pairs) :], *other[len(pairs) :]]
    return one


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_nulls(part)
            for name, part in value.items()
            if part is not None
        }
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return value
