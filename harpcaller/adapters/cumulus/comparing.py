"""The comparisons of a Choice: of two values, and of one by itself.

Amazon States Language, "Choice state": values of different types are never equal,
less or greater; true is not a number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Test: TypeAlias = Callable[[Any, Any], bool]
"""Compares what was found with what the rule names."""

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}


def is_string(value: Any) -> bool:
    """Tell whether a JSON value is a string."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number."""
    return type(value) in {int, float}


def is_boolean(value: Any) -> bool:
    """Tell whether a JSON value is true or false."""
    return isinstance(value, bool)


def _both(is_kind: Callable[[Any], bool], order: Callable[[Any, Any], bool]) -> Test:
    def test(found: Any, named: Any) -> bool:
        return is_kind(found) and is_kind(named) and order(found, named)

    return test


def _comparisons() -> dict[str, tuple[Test, Callable[[Any], bool], str]]:
    found: dict[str, tuple[Test, Callable[[Any], bool], str]] = {
        "BooleanEquals": (_both(is_boolean, operator.eq), is_boolean, "true or false")
    }
    for suffix, order in _ORDERS.items():
        found[f"String{suffix}"] = (_both(is_string, order), is_string, "a string")
        found[f"Numeric{suffix}"] = (_both(is_number, order), is_number, "a number")
    return found


COMPARISONS: Final = _comparisons()
"""By name: the test, what the rule may name, and how that is called."""


def _is_null(found: Any) -> bool:
    return found is None


KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "IsNull": _is_null,
    "IsString": is_string,
    "IsNumeric": is_number,
    "IsBoolean": is_boolean,
}
"""By name: tests of one value, whose result the rule names."""


def read_pattern(pattern: str) -> tuple[str, ...]:
    r"""Return the texts between the stars of a pattern; `\*` and `\\` are no stars."""
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append("")
        elif character == "\\":
            pieces[-1] += _escaped(next(characters, ""))
        else:
            pieces[-1] += character
    return tuple(pieces)


def _escaped(character: str) -> str:
    return character if character in {"*", "\\"} and character else f"\\{character}"


def matches(text: Any, pieces: Sequence[str]) -> bool:
    """Tell whether a text is the pieces with any characters between them."""
    if not isinstance(text, str):
        return False
    first, *rest = pieces
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:  # the first place is always as good as a later one
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return text.endswith(last)
