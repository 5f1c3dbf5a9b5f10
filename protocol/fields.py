"""Checks of one JSON field; each complaint names the field and what was expected."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Container, Iterable, Mapping
from typing import NoReturn

from protocol.errors import ErrorType, WireError
from protocol.jsontext import LARGE_TEXT_BYTES, JsonValue, count_fields

Fields = Mapping[str, JsonValue]
MAX_SECONDS = 10**9  # about 30 years: longer is the same as for ever
_SHOWN_CHARACTERS = 80  # of an unknown field's name, in a complaint
# Letters and the underscore written as escapes: only so could a field stand twice
# without its plain spelling standing twice in the line.
_ESCAPED_LETTER = re.compile(rb"\\u00(5f|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_BEFORE_NAME = re.compile(r"[ \t\r\n{,]*")
_BEFORE_VALUE = re.compile(r"[ \t\r\n:]*")
_VALUES = json.JSONDecoder(parse_int=str)  # nobody looks at them: no conversion


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


def refuse_unknown(fields: Fields, known: Iterable[str], *, within: str = "") -> None:
    """Complain about the first field that is not among the `known` ones.

    All of both begin with `within`, which makes none of them alike.
    """
    words = list(known)
    for field in fields:
        if field not in words:
            shown = field[:_SHOWN_CHARACTERS]
            ends = [word.removeprefix(within) for word in words]
            near = difflib.get_close_matches(shown.removeprefix(within), ends, n=1)
            if near:
                refuse(shown, "a known field", within + near[0])
            expected = "one of " + ", ".join(f'"{word}"' for word in words)
            raise WireError(
                ErrorType.INVALID_REQUEST,
                f'unknown field "{shown}": expected {expected}',
                {"field": shown, "expected": expected},
            )


def refuse_repeated(line: bytes, fields: Fields, quoted: Mapping[str, bytes]) -> None:
    """Complain about a known field given twice: readers differ on which one counts.

    `line` is the text of `fields`; `quoted` has each known field as it is spelled
    in JSON. What is nested may repeat; what follows an unknown field is not looked
    at, since that one is refused anyway.
    """
    if line.count(b":") == len(fields):
        return  # each of them has one
    for field in fields:
        if field in quoted and line.count(quoted[field]) > 1:
            break
    else:
        if b"\\u00" not in line or not _ESCAPED_LETTER.search(line):
            return
    if count_fields(line) == len(fields):
        return
    if len(line) > LARGE_TEXT_BYTES:  # to find out which one takes too long
        raise WireError(ErrorType.INVALID_REQUEST, "a field is given more than once")
    repeated = _first_repeated(line.decode(), quoted)
    if repeated is not None:
        refuse(repeated, "to be given once")


def _first_repeated(source: str, known: Container[str]) -> str | None:
    """Return the field given twice, of an object that has one.

    None where an unknown field comes first.
    """
    seen: set[str] = set()
    at = 0
    while True:
        field, at = _VALUES.raw_decode(source, _end(_BEFORE_NAME, source, at))
        if field in seen:
            return str(field)
        if field not in known:
            return None
        seen.add(field)
        _, at = _VALUES.raw_decode(source, _end(_BEFORE_VALUE, source, at))


def _end(pattern: re.Pattern[str], source: str, at: int) -> int:
    match = pattern.match(source, at)
    return at if match is None else match.end()


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
        expected = f"an integer from {least} to {most}"
        if most == 2**63 - 1:  # said to those alone whom it helps
            below = " and below 2**63" if type(value) is int and value > most else ""
            expected = f"an integer of at least {least}{below}"
        refuse(field, expected)
    return value


def take_seconds(fields: Fields, field: str) -> float | None:
    """Return an optional duration: a number above 0; null is absent."""
    value = fields.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        refuse(field, "a number of seconds above 0")
    return min(value, MAX_SECONDS)
