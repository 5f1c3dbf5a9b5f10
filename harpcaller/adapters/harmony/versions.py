"""Versions of the data-operation message: 0.4.0 and all later ones of major 0."""

from __future__ import annotations

import re

from harpcaller.adapters.harmony.facts import NEWEST, OLDEST
from harpcaller.adapters.harmony.refusals import Code, Refusal
from protocol.jsontext import JsonValue, encode

_THREE_NUMBERS = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
_SHOWN_CHARACTERS = 40


def read_version(value: JsonValue) -> int:
    """Return the minor version that `x.y.z` names; it may be newer than all we know.

    Raises:
        Refusal: E3, it names none, or one that nobody can read.
    """
    match = _THREE_NUMBERS.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] != "0" or int(match[2]) < OLDEST:
        raise Refusal(
            Code.VERSION, f'Unsupported data-operation version "{_shown(value)}"'
        )
    return int(match[2])


def version_text(minor: int) -> str:
    """Return the version as messages spell it."""
    return f"0.{minor}.0"


def known(minor: int) -> int:
    """Return the version whose schema a message of version `minor` goes by."""
    return min(minor, NEWEST)


def _shown(value: JsonValue) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else encode(value).decode()
    return text[:_SHOWN_CHARACTERS]
