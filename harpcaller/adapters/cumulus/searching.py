"""JSONPath by jsonpath-ng, the engine that Cumulus itself uses, its work bounded."""

from __future__ import annotations

import functools
import warnings
from typing import Any, Final

from harpcaller.adapters.cumulus.errors import too_large
from protocol.jsontext import JsonValue

MAX_CHARACTERS: Final = 512  # of a JSONPath: the engine calls itself for each step
MAX_NODES: Final = 100_000  # of what ".." looks through
MAX_WORK: Final = 250_000  # values looked at by all searches together; 10 µs for each
_PARSING: Final = 100  # what it costs to parse one, in values looked at
_EVERYWHERE: Final = ".."
_LEVELS: Final = 100  # how often ".." within ".." may see one value: its depth


class Search:
    """Finds JSONPaths in one document; what all of them cost together is bounded."""

    def __init__(self, document: JsonValue, max_work: int = MAX_WORK) -> None:
        self.document = document
        self._max_work = self._left = max_work

    def find(self, path: str) -> list[JsonValue] | None:
        """Return all that a JSONPath finds, in its order; None if it is none.

        Raises:
            CumulusError: States.DataLimitExceeded: it has to look at too many values.
        """
        self._spend(_PARSING)  # remembered or not: a replay has to cost the same
        node = _parsed(path)
        if node is None:
            return None
        if _EVERYWHERE in path:
            _check_nodes(self.document)
        try:
            found = self._run(node, _grammar().Root().find(self.document))
        except AssertionError:  # the engine's: the root has no `parent`
            return []
        return [datum.value for datum in found]

    def _run(self, node: Any, data: list[Any]) -> list[Any]:
        """Return what a part of a path finds in some data."""
        grammar = _grammar()
        if isinstance(node, grammar.Child):
            return self._run(node.right, self._run(node.left, data))
        if isinstance(node, grammar.Descendants):
            data = self._run(node.left, data)
            node = grammar.Descendants(grammar.This(), node.right)
        found: list[Any] = []
        for datum in data:
            self._spend(self._cost(node, datum.value))
            matches = node.find(datum)
            self._spend(len(matches))
            found += matches
        return found

    def _cost(self, node: Any, value: JsonValue) -> int:
        """Return how many values a part of a path looks at, its matches left out."""
        if not hasattr(node, "left"):  # it sees the members of a value, no further
            return 1
        within: int = max(0, str(node).count(_EVERYWHERE) - 1)
        turns = _count_leaves(node.right) * int(_LEVELS**within)
        return count_nodes(value, self._left) * turns

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            looked_at = self._max_work - self._left
            raise too_large("values that JSONPaths look at", looked_at, self._max_work)


def count_nodes(document: JsonValue, most: int) -> int:
    """Return how many values a document has, or some number above `most`."""
    count = 0
    waiting: list[JsonValue] = [document]
    while waiting and count <= most:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count


def _check_nodes(document: JsonValue) -> None:
    count = count_nodes(document, MAX_NODES)
    if count > MAX_NODES:
        raise too_large('values that ".." looks through, at least', count, MAX_NODES)


def _count_leaves(node: Any) -> int:
    if not hasattr(node, "left"):
        return 1
    return _count_leaves(node.left) + _count_leaves(node.right)


@functools.cache
def _grammar() -> Any:
    """Return the engine's kinds of steps."""
    from jsonpath_ng import jsonpath  # noqa: PLC0415 (an extra, and slow to import)

    return jsonpath


@functools.lru_cache(maxsize=4096)
def _parsed(path: str) -> Any | None:
    """Return a parsed path, None if it is none; the grammar is the core's."""
    from jsonpath_ng import parser  # noqa: PLC0415 (an extra, and slow to import)

    if len(path) > MAX_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            return parser.parse(path)  # unions are to go in its version 2
    except Exception:  # its errors have no common class, and int() one of its own
        return None
