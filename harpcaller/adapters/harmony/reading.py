"""Text of a message to its value: what Python's reader takes silently is refused."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from harpcaller.adapters.harmony.refusals import Code, Refusal
from protocol.errors import WireError
from protocol.jsontext import JsonValue, decode

# Of valid JSON: a string and whether it names a field, a bracket, a word that is none.
# Nothing is tried again (`*+`): to keep where it might be takes 100 times the text.
_MARKS = re.compile(
    r'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")(?P<colon>\s*:)?'
    r"|(?P<bracket>[\[\]{}])|(?P<word>-?Infinity|NaN)",
    re.DOTALL,
)


class _NotStrict(ValueError):
    """A field stands twice, or a number is none: where, is looked up then."""


def read_json(text: bytes) -> JsonValue:
    """Return the value of a message's text, integers exact.

    Raises:
        Refusal: E1, no UTF-8 or JSON, a field given twice, NaN or Infinity.
    """
    try:
        source = text.decode()
    except UnicodeDecodeError as error:
        raise _no_json(text[: error.start].decode(), error.start) from None
    try:
        json.loads(source, object_pairs_hook=_check_pairs, parse_constant=_refuse_word)
    except json.JSONDecodeError as error:
        raise _no_json(source, error.pos) from None
    except _NotStrict:
        raise _no_json(source, _first_slip(source)) from None
    except (ValueError, RecursionError):
        pass  # too many digits, too deep: `decode` says so
    try:
        return decode(text)
    except WireError as error:
        raise Refusal(
            Code.NO_JSON, f"Message is not valid JSON: {error.message}"
        ) from None


def read_object(text: bytes) -> dict[str, JsonValue]:
    """Return the fields of a message's text.

    Raises:
        Refusal: E1, it is no JSON; E2, it is no object.
    """
    return take_object(read_json(text))


def take_object(value: JsonValue) -> dict[str, JsonValue]:
    """Return `value`, which must be an object.

    Raises:
        Refusal: E2, it is not.
    """
    if not isinstance(value, dict):
        raise Refusal(Code.NO_OBJECT, "Message must be a JSON object")
    return value


def _check_pairs(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _NotStrict


def _refuse_word(_: str) -> NoReturn:
    raise _NotStrict


def _first_slip(source: str) -> int:
    """Return where the first repeated name or the first number that is none begins."""
    names: list[set[str]] = []
    marks = _MARKS.finditer(source)
    return next(mark.start() for mark in marks if _is_slip(mark, names))


def _is_slip(mark: re.Match[str], names: list[set[str]]) -> bool:
    """Tell whether `mark` is one; `names` are those of the values that are open."""
    if mark["bracket"] in {"[", "{"}:
        names.append(set())
    elif mark["bracket"]:
        names.pop()
    elif mark["colon"]:
        name = json.loads(mark["string"])
        if name in names[-1]:
            return True
        names[-1].add(name)
    return mark["word"] is not None


def _no_json(source: str, position: int) -> Refusal:
    before = source[:position]
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Refusal(
        Code.NO_JSON, f"Message is not valid JSON: line {line} column {column}"
    )
