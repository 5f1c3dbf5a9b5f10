"""Templates: braces in the strings of a configuration, resolved in a whole message.

One rule for the messages of all eras: the whole of a string that is one template
becomes the value itself; in other text each template is replaced, once, from left to
right, and what was put in is never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.errors import too_large
from harpcaller.adapters.cumulus.paths import NoPath, NotThere
from protocol.jsontext import JsonValue, encode

MAX_DEPTH: Final = 100
_ALL = re.compile(r"\{\[([^{}]*)\]\}")
_ALONE = re.compile(r"\{([^{}]*)\}|\{\{([^{}]*)\}\}")
_WITHIN = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class _Found:
    """A value that a path found, how long its text is, and how deep it nests."""

    value: JsonValue
    size: int
    depth: int


class Resolver:
    """Resolves templates in one document, up to `max_bytes` of resolved text in all."""

    def __init__(self, document: JsonValue, max_bytes: int) -> None:
        self._document = document
        self._max_bytes = max_bytes
        self._bytes = 0
        self._found: dict[str, _Found | None] = {}
        self._all: dict[str, _Found] = {}

    def resolve(self, value: JsonValue) -> JsonValue:
        """Return `value` with the templates in all its strings resolved.

        Raises:
            CumulusError: States.DataLimitExceeded: it would have too many bytes, or
                nest too deeply.
        """
        return self._resolve(value, 1)

    def is_unfound(self, source: JsonValue) -> bool:
        """Tell whether it is a string that is one template whose path finds nothing."""
        alone = _ALONE.fullmatch(source) if isinstance(source, str) else None
        if alone is None:
            return False
        try:
            return self._find(alone[1] if alone[2] is None else alone[2]) is None
        except NoPath:
            return False

    def _resolve(self, value: JsonValue, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise too_large("depth of what templates make", depth, MAX_DEPTH)
        if isinstance(value, str) and "{" in value:
            return self._resolve_text(value, depth)
        if isinstance(value, Mapping):
            self._count(2 + sum(map(len, value)))
            return {key: self._resolve(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list):
            self._count(2 + len(value))
            return [self._resolve(part, depth + 1) for part in value]
        self._count(len(value) if isinstance(value, str) else 1)
        return value

    def _resolve_text(self, text: str, depth: int) -> JsonValue:
        every = _ALL.fullmatch(text)
        if every is not None:
            return self._taken(self._find_all(every[1]), depth, text)
        alone = _ALONE.fullmatch(text)
        if alone is not None:
            path = alone[1] if alone[2] is None else alone[2]
            return self._resolve_alone(path, depth, text)
        resolved = _WITHIN.sub(self._spelled, text)
        self._count(len(_WITHIN.sub("", text)))  # what was put in is counted
        return resolved

    def _resolve_alone(self, path: str, depth: int, text: str) -> JsonValue:
        try:
            found = self._find(path)
        except NoPath:
            return text
        if found is None and path.startswith("$"):
            return None
        return self._taken(found, depth, text)

    def _taken(self, found: _Found | None, depth: int, text: str) -> JsonValue:
        if found is None:
            self._count(len(text))
            return text
        if depth + found.depth > MAX_DEPTH:
            total = depth + found.depth
            raise too_large("depth of what templates make", total, MAX_DEPTH)
        self._count(found.size)
        return found.value

    def _spelled(self, match: re.Match[str]) -> str:
        try:
            found = self._find(match[1])
        except NoPath:
            found = None
        if found is None or found.value is None:
            self._count(len(match[0]))
            return match[0]
        self._count(found.size)
        value = found.value
        return value if isinstance(value, str) else encode(value).decode()

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._max_bytes:
            raise too_large(
                "bytes of what templates make, at least", self._bytes, self._max_bytes
            )

    # ── finding ──
    def _find(self, path: str) -> _Found | None:
        if path not in self._found:
            self._found[path] = self._look_up(path)
        return self._found[path]

    def _look_up(self, path: str) -> _Found | None:
        if not path or path[0].isspace() or path[-1].isspace():
            return None
        if not path.startswith("$"):
            try:
                return _measured(paths.dotted(path, self._document))
            except NotThere:
                pass
        found = paths.find(path, self._document)
        return _measured(found[0]) if found else None

    def _find_all(self, path: str) -> _Found | None:
        if path not in self._all:
            try:
                found: list[JsonValue] = paths.find(path, self._document)
            except NoPath:
                return None
            self._all[path] = _measured(found)
        return self._all[path]


def _measured(value: JsonValue) -> _Found:
    return _Found(value, len(encode(value)), depth_of(value))


def depth_of(value: JsonValue) -> int:
    """Return how deep a value nests: 0 for what is no list or object."""
    depth = 0
    level: list[JsonValue] = [value]
    while level := [part for part in level if isinstance(part, Mapping | list)]:
        depth += 1
        level = [part for one in level for part in _parts(one)]
    return depth


def _parts(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()
