"""A message against its schema: problems named by pointer, never by value."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from harpcaller.adapters.harmony.refusals import Detail
from harpcaller.adapters.harmony.schema import schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_FORMATS: Final = ("date-time", "uri")
# jsonschema's own check takes whatever Python's UUID does: other digits, blanks.
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Slip(Enum):
    """What kind of problem it is: some have codes of their own, some are forgiven."""

    TYPE = auto()
    MISSING = auto()
    UNKNOWN = auto()
    UUID = auto()
    TIME = auto()


@attrs.frozen(order=True)
class Problem:
    """One problem of a message."""

    detail: Detail
    slip: Slip = attrs.field(order=False)


def problems(value: Mapping[str, Any], minor: int) -> list[Problem]:
    """Return all that is wrong with a message of version 0.`minor`.0, by pointer."""
    found = {
        problem
        for error in _validator(minor).iter_errors(value)
        for problem in _read(error)
    }
    return sorted(found)


@functools.cache
def _validator(minor: int) -> Validator:
    # An extra, and megabytes: those who have no Harmony do without.
    from jsonschema import Draft7Validator, FormatChecker  # noqa: PLC0415

    formats = FormatChecker(formats=_FORMATS)
    formats.checks("uuid")(_is_uuid)
    formats.checks("date-time")(partial(_is_time, formats.checkers["date-time"][0]))
    return Draft7Validator(schema(minor), format_checker=formats)


def _is_uuid(value: object) -> bool:
    # What is no text is another problem.
    return not isinstance(value, str) or _UUID.fullmatch(value) is not None


def _is_time(knows: Callable[[object], bool], value: object) -> bool:
    # The pattern that `knows` goes by lets a line end follow.
    return knows(value) and not str(value).endswith("\n")


def _read(error: Any) -> Iterator[Problem]:
    """Give the problems of one complaint, each at the field that it is about."""
    place = "".join(f"/{_escaped(str(step))}" for step in error.absolute_path)
    match error.validator:
        case "required":
            for name in sorted(set(error.validator_value) - set(error.instance)):
                yield _problem(f"{place}/{name}", "is required", Slip.MISSING)
        case "additionalProperties":
            for name in sorted(set(error.instance) - set(error.schema["properties"])):
                pointer = f"{place}/{_escaped(name)}"
                yield _problem(pointer, "is not known in this version", Slip.UNKNOWN)
        case "format":
            yield _problem(place, *_FORMAT_PROBLEMS[error.validator_value])
        case "type":
            yield _problem(place, f"must be {_kinds(error.validator_value)}", Slip.TYPE)
        case _:  # how many numbers
            count = error.schema["minItems"]
            yield _problem(place, f"must have {count} numbers", Slip.TYPE)


def _problem(pointer: str, text: str, slip: Slip) -> Problem:
    return Problem(Detail(pointer, text), slip)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _kinds(kinds: str | list[str]) -> str:
    words = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_KIND_WORDS[word] for word in words)


_KIND_WORDS: Final = {
    "string": "a string",
    "boolean": "true or false",
    "number": "a number",
    "integer": "an integer",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMAT_PROBLEMS: Final = {
    "uuid": ("must be a UUID", Slip.UUID),
    "date-time": ("must be a date and time with an offset (RFC 3339)", Slip.TIME),
    "uri": ("must be a URI", Slip.TYPE),
}
