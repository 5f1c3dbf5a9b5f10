"""Places in JSON values: simple paths, and JSONPath for all the others."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from harpcaller.adapters.cumulus.errors import DATA_LIMIT, RESULT_PATH, CumulusError
from protocol.jsontext import JsonValue

_NAME: Final = r"[A-Za-z_@][A-Za-z0-9_@-]*"
_STEP: Final = rf"{_NAME}(?:\[[0-9]{{1,9}}\])*"
SIMPLE: Final = re.compile(rf"(?:\$\.)?({_STEP}(?:\.{_STEP})*)")
"""A simple path: names joined by dots, `[n]` for elements of lists, `$.` in front."""

_STEPS: Final = re.compile(rf"({_NAME})|\[([0-9]+)\]")
_INDEX: Final = re.compile("0|[1-9][0-9]{0,8}")
MAX_CHARACTERS: Final = 1024  # of a JSONPath; parsing takes as long as it is
MAX_NODES: Final = 100_000  # of what ".." looks through

Steps: TypeAlias = tuple[str | int, ...]


class NotThere(LookupError):
    """A path leads to nothing."""


class NoPath(ValueError):
    """A text is no JSONPath."""


def read_simple(text: str) -> Steps | None:
    """Return the steps of a simple path, None if the text is none."""
    match = SIMPLE.fullmatch(text)
    if match is None:
        return None
    return tuple(name or int(index) for name, index in _STEPS.findall(match[1]))


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
        CumulusError: States.DataLimitExceeded: ".." in a document of too many nodes.
    """
    if path == "$":
        return [document]
    steps = read_simple(path)
    if steps is not None:
        try:
            return [get(document, steps)]
        except NotThere:
            return []
    parsed = _parsed(path)
    if ".." in path:
        _check_nodes(document)
    return [match.value for match in parsed.find(document)]


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


@functools.lru_cache(maxsize=4096)
def _parsed(path: str) -> Any:
    """Return a parsed path: that takes a hundred times as long as finding.

    Raises:
        NoPath: it is none.
    """
    if len(path) > MAX_CHARACTERS:
        raise NoPath
    parse = jsonpath_parser()
    try:
        return parse(path)
    except Exception:
        raise NoPath from None


def jsonpath_parser() -> Any:
    """Return the engine's parser: its core grammar, which has no filters.

    Raises:
        ImportError: the extra `cumulus` is not installed.
    """
    from jsonpath_ng import parser  # noqa: PLC0415 (an extra, and slow to import)

    return parser.parse


def _check_nodes(document: JsonValue) -> None:
    count = count_nodes(document, MAX_NODES)
    if count > MAX_NODES:
        raise CumulusError(
            DATA_LIMIT, f'".." looks through {MAX_NODES} values at most, there are more'
        )


def count_nodes(document: JsonValue, most: int) -> int:
    """Return how many values a document has, or some number above `most`."""
    count = 0
    waiting: list[JsonValue] = [document]
    while waiting and count <= most:
        value = waiting.pop()
        count += 1
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count
