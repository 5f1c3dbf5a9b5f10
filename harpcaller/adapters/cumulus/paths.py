"""Places in JSON values: simple paths, and JSONPath for all the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from harpcaller.adapters.cumulus.errors import RESULT_PATH, CumulusError
from harpcaller.adapters.cumulus.searching import Search
from protocol.jsontext import JsonValue

_NAME: Final = r"[A-Za-z_@][A-Za-z0-9_@-]*"
_STEP: Final = rf"{_NAME}(?:\[[0-9]{{1,9}}\])*"
SIMPLE: Final = re.compile(rf"(?:\$\.)?({_STEP}(?:\.{_STEP})*)")
"""A simple path: names joined by dots, `[n]` for elements of lists, `$.` in front."""

_STEPS: Final = re.compile(rf"({_NAME})|\[([0-9]+)\]")
_INDEX: Final = re.compile("0|[1-9][0-9]{0,8}")
MAX_STEPS: Final = 100  # of a simple path: no message nests deeper

Steps: TypeAlias = tuple[str | int, ...]


class NotThere(LookupError):
    """A path leads to nothing."""


class NoPath(ValueError):
    """A text is no JSONPath."""


def read_simple(text: str) -> Steps | None:
    """Return the steps of a simple path, None if the text is none."""
    match = SIMPLE.fullmatch(text)
    found = _STEPS.findall(match[1]) if match else ()
    if not 0 < len(found) <= MAX_STEPS:
        return None
    return tuple(name or int(index) for name, index in found)


def get(value: JsonValue, steps: Steps) -> JsonValue:
    """Return what is at the end of the steps.

    Raises:
        NotThere: nothing is.
    """
    for step in steps:
        value = _field(value, step) if isinstance(step, str) else _element(value, step)
    return value


def _field(value: JsonValue, name: str) -> JsonValue:
    if not isinstance(value, dict) or name not in value:
        raise NotThere
    return value[name]


def _element(value: JsonValue, index: int) -> JsonValue:
    if not isinstance(value, list) or index >= len(value):
        raise NotThere
    return value[index]


def put(value: JsonValue, steps: Steps, new: JsonValue) -> JsonValue:
    """Return `value` with `new` at the end of the steps; missing objects are made.

    What is on the way is copied, all else is shared.

    Raises:
        CumulusError: States.ResultPathMatchFailure: a scalar or a missing element of a
            list is in the way.
    """
    return _put(value, steps, new, 0)


def _put(value: JsonValue, steps: Steps, new: JsonValue, done: int) -> JsonValue:
    if done == len(steps):
        return new
    step = steps[done]
    if isinstance(step, int):
        if not isinstance(value, list) or step >= len(value):
            raise _in_the_way(steps[: done + 1])
        changed = list(value)
        changed[step] = _put(value[step], steps, new, done + 1)
        return changed
    if not isinstance(value, dict):
        raise _in_the_way(steps[: done + 1])
    return {**value, step: _put(value.get(step, {}), steps, new, done + 1)}


def _in_the_way(steps: Steps) -> CumulusError:
    path = spelled(steps)
    return CumulusError(RESULT_PATH, f"{path}: cannot be written to", path=path)


def spelled(steps: Sequence[str | int]) -> str:
    """Return steps as a simple path."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(parts).removeprefix(".")


def find(path: str, document: JsonValue) -> list[JsonValue]:
    """Return all that a JSONPath finds, in its order.

    Raises:
        NoPath: it is none.
        CumulusError: States.DataLimitExceeded: it has to look at too many values.
    """
    return find_with(Search(document), path)


def find_with(search: Search, path: str) -> list[JsonValue]:
    """Return the same in the document of a search, whose bound holds for all paths."""
    if path == "$":
        return [search.document]
    steps = read_simple(path)
    if steps is None:
        found = search.find(path)
        if found is None:
            raise NoPath
        return found
    try:
        return [get(search.document, steps)]
    except NotThere:
        return []


def dotted(path: str, document: JsonValue) -> JsonValue:
    """Return what is at the end of parts joined by dots: keys, else list indexes.

    Raises:
        NotThere: nothing is.
    """
    value = document
    for part in path.split("."):
        if isinstance(value, list) and _INDEX.fullmatch(part):
            value = _element(value, int(part))
        else:
            value = _field(value, part)
    return value
