"""Paths of Amazon States Language: what they select, and what they may not be."""

from __future__ import annotations

import re
from typing import Any, Final

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.faults import RUNTIME
from harpcaller.adapters.cumulus.paths import NoPath
from harpcaller.adapters.parts import Part
from protocol.jsontext import JsonValue

_PLAIN: Final = re.compile(
    r"""\$(?:\.[^.*\[\]]+|\[[0-9]+\]|\['[^'*]*'\]|\["[^"*]*"\])*"""
)
"""Paths that find one value at most."""

_EXPECTED: Final = 'expected a path that begins with "$"'


def path_problem(path: Any) -> str | None:
    """Return what is wrong with a path, None if nothing is."""
    if not isinstance(path, str):
        return _EXPECTED
    if path.startswith("$$"):
        return "the context object ($$) is not supported"
    if path.startswith("States."):
        return "intrinsic functions (States.…) are not supported"
    if not path.startswith("$"):
        return _EXPECTED
    try:
        paths.find(path, None)
    except NoPath:
        return f'"{path}" is no JSONPath'
    return None


def read_path(part: Part, key: str) -> str | None:
    """Return the path under a key; complain if there is none, or a wrong one."""
    path: Any = part.get(key)
    problem = path_problem(path)
    if problem is None:
        return str(path)
    part.complain(problem, part.at(key))
    return None


def is_result_path(path: Any) -> bool:
    """Tell whether a result may be put there: at a simple path."""
    return (
        isinstance(path, str)
        and path.startswith("$.")
        and paths.read_simple(path) is not None
    )


def is_there(document: JsonValue, path: str) -> bool:
    """Tell whether a path finds anything."""
    return bool(paths.find(path, document))


def find(document: JsonValue, path: str, error: str = RUNTIME) -> JsonValue:
    """Return the value at a plain path, the list of all matches of any other.

    Raises:
        CumulusError: of type `error`: a plain path leads to nothing.
    """
    found = paths.find(path, document)
    if _PLAIN.fullmatch(path) is None:
        return found
    if not found:
        raise CumulusError(error, f"path {path} is not there", path=path)
    return found[0]


def put(document: JsonValue, path: str, value: JsonValue) -> JsonValue:
    """Return a document with a value at a simple path of it.

    Raises:
        CumulusError: States.ResultPathMatchFailure.
    """
    steps = paths.read_simple(path)
    assert steps is not None  # noqa: S101 (`is_result_path` is true of it)
    return paths.put(document, steps, value)
