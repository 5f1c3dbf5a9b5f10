"""Checks of one JSON field; each complaint names the field and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NoReturn

from protocol.errors import ErrorType, WireError
from protocol.jsontext import JsonValue

Fields = Mapping[str, JsonValue]


def refuse(field: str, expected: str, did_you_mean: str | None = None) -> NoReturn:
    """Raise the complaint about one field.

    Raises:
        WireError: `invalid_request`; `data` has `field`, `expected` and, where a
            known word is near, `did_you_mean`.
    """
    data = {"field": field, "expected": expected}
    message = f'field "{field}": expected {expected}'
    if did_you_mean is not None:
        data["did_you_mean"] = did_you_mean
        message = f'unknown field "{field}", did you mean "{did_you_mean}"?'
    raise WireError(ErrorType.INVALID_REQUEST, message, data)


def refuse_unknown(fields: Fields, known: Iterable[str]) -> None:
    """Complain about the first field that is not among the `known` ones."""
    words = list(known)
    for field in fields:
        if field not in words:
            near = difflib.get_close_matches(field[:80], words, n=1)
            if near:
                refuse(field, "a known field", near[0])
            refuse(field, "one of " + ", ".join(f'"{word}"' for word in words))


def take_string(fields: Fields, field: str) -> str:
    """Return a required string."""
    value = fields.get(field)
    if not isinstance(value, str):
        refuse(field, "a string")
    return value


def take_boolean(fields: Fields, field: str, *, default: bool) -> bool:
    """Return an optional boolean; null is absent."""
    value = fields.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        refuse(field, "true or false")
    return value


def take_count(
    fields: Fields, field: str, *, least: int = 0, most: int = 2**63 - 1
) -> int | None:
    """Return an optional integer of at least `least`; null is absent."""
    value = fields.get(field)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        expected = f"an integer of at least {least}"
        if most < 2**63 - 1:
            expected = f"an integer from {least} to {most}"
        refuse(field, expected)
    return value


def take_seconds(fields: Fields, field: str) -> float | None:
    """Return an optional duration: a number above 0; null is absent."""
    value = fields.get(field)
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 < value:  # type: ignore[operator]
        refuse(field, "a number of seconds above 0")
    return min(value, MAX_SECONDS)  # type: ignore[return-value,type-var]


MAX_SECONDS = 10**9  # about 30 years: longer is the same as for ever
