"""Templates: braces in the strings of a configuration, resolved in a whole message.

One rule for the messages of all eras: the whole of a string that is one template
becomes the value itself; in other text each template is replaced, once, from left to
right, and what was put in is never looked at again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import partial
from itertools import chain
from typing import Final, TypeAlias

import attrs

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.errors import too_large
from harpcaller.adapters.cumulus.paths import NoPath, NotThere
from harpcaller.adapters.cumulus.searching import Search
from protocol.jsontext import JsonValue, encode, is_within_depth

MAX_DEPTH: Final = 100
_ALL: Final = re.compile(r"\{\[([^{}]*)\]\}")
_ALONE: Final = re.compile(r"\{([^{}]*)\}|\{\{([^{}]*)\}\}")
_WITHIN: Final = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class _Found:
    """A value that a path found, and how long its text is."""

    value: JsonValue
    size: int


class _Lack(Enum):
    NO_PATH = "what is in the braces is no path"
    NOTHING = "the path leads to nothing"


_LookedUp: TypeAlias = _Found | _Lack


def path_alone(text: str) -> str | None:
    """Return the path of a string that is one template, `{P}` or `{{P}}`."""
    alone = _ALONE.fullmatch(text)
    if alone is None:
        return None
    return alone[1] if alone[2] is None else alone[2]


class Resolver:
    """Resolves templates in one document, up to `max_bytes` of resolved text in all.

    What is counted is never more than the text takes, and is counted before it is made.
    """

    def __init__(self, document: JsonValue, max_bytes: int) -> None:
        self._search = Search(document)
        self._max_bytes = max_bytes
        self._bytes = 0
        self._first: dict[str, _LookedUp] = {}
        self._every: dict[str, _LookedUp] = {}

    def resolve(self, value: JsonValue) -> JsonValue:
        """Return `value` with the templates in all its strings resolved.

        Raises:
            CumulusError: States.DataLimitExceeded: it would have too many bytes, or
                looking for it takes too long.
        """
        if isinstance(value, str):
            return self._resolve_text(value)
        if isinstance(value, Mapping):
            self._count(2 + sum(map(len, value)))
            return {key: self.resolve(part) for key, part in value.items()}
        if isinstance(value, list):
            self._count(1 + len(value))
            return [self.resolve(part) for part in value]
        self._count(1)
        return value

    def resolve_source(self, value: JsonValue) -> JsonValue:
        """Return the same, but null for one template whose path leads to nothing."""
        if isinstance(value, str) and _ALL.fullmatch(value) is None:
            path = path_alone(value)
            if path is not None and self._look_up(path) is _Lack.NOTHING:
                return None
        return self.resolve(value)

    def _resolve_text(self, text: str) -> JsonValue:
        if "{" not in text:
            self._count(len(text))
            return text
        every = _ALL.fullmatch(text)
        if every is not None:
            return self._taken(self._look_up_all(every[1]), text)
        path = path_alone(text)
        if path is None:
            self._count(len(_WITHIN.sub("", text)))
            return _WITHIN.sub(self._spelled, text)
        found = self._look_up(path)
        if found is _Lack.NOTHING and path.startswith("$"):
            self._count(1)
            return None
        return self._taken(found, text)

    def _taken(self, found: _LookedUp, text: str) -> JsonValue:
        if isinstance(found, _Lack):
            self._count(len(text))
            return text
        self._count(found.size)
        return found.value

    def _spelled(self, match: re.Match[str]) -> str:
        found = self._look_up(match[1])
        if isinstance(found, _Lack) or found.value is None:
            self._count(len(match[0]))
            return match[0]
        if isinstance(found.value, str):
            self._count(found.size - 2)  # its quotes
            return found.value
        self._count(found.size)
        return encode(found.value).decode()

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._max_bytes:
            raise too_large(
                "bytes of what templates make, at least", self._bytes, self._max_bytes
            )

    # ── finding ──
    def _look_up(self, path: str) -> _LookedUp:
        if path not in self._first:
            self._first[path] = self._find_first(path)
        return self._first[path]

    def _find_first(self, path: str) -> _LookedUp:
        if path and not path.startswith("$") and not _has_outer_blank(path):
            try:
                return _measured(paths.dotted(path, self._search.document))
            except NotThere:
                pass
        found = self._find(path)
        if isinstance(found, _Lack):
            return found
        return _measured(found[0]) if found else _Lack.NOTHING

    def _look_up_all(self, path: str) -> _LookedUp:
        if path not in self._every:
            found = self._find(path)
            self._every[path] = found if isinstance(found, _Lack) else _measured(found)
        return self._every[path]

    def _find(self, path: str) -> list[JsonValue] | _Lack:
        try:
            found = paths.find_with(self._search, path)
        except NoPath:
            return _Lack.NO_PATH
        return [] if _has_outer_blank(path) else found


def _has_outer_blank(path: str) -> bool:
    return path != path.strip()


def _measured(value: JsonValue) -> _Found:
    return _Found(value, len(encode(value)))


def depth_of(value: JsonValue) -> int:
    """Return how deep a value nests: 0 for what is no list or object."""
    depth = 0
    level = [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        parts = chain.from_iterable(map(_parts, level))
        level = [part for part in parts if isinstance(part, dict | list)]
    return depth


def depth_of_text(text: bytes) -> int:
    """Return how deep JSON nests, whatever else is wrong with it; nothing is made."""
    return bisect_left(range(len(text)), x=True, key=partial(is_within_depth, text))


def _parts(value: dict[str, JsonValue] | list[JsonValue]) -> Iterable[JsonValue]:
    return value.values() if isinstance(value, dict) else value
