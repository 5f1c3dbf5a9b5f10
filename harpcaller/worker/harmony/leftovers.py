"""What a service left in its metadata directory: catalogs, message, error."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from harpcaller.worker.harmony.documents import Documents
from harpcaller.worker.harmony.request import is_inside
from protocol.errors import WireError
from protocol.jsontext import MAX_DEPTH, decode

Fields: TypeAlias = Mapping[str, Any]

SHOWN_BYTES = 256 * 1024  # of a tree that others can read where it is
_MAX_TREE_BYTES = 64 * 1024 * 1024  # more fits no line, whatever its limit
_MAX_DOCUMENTS = 1_000_000
_CATALOG = re.compile(r"catalog([0-9]{0,9})\.json")
_BATCHES = "batch-catalogs.json"
_ERROR_FIELDS = ("error", "category", "level")
_DEEPER = 6  # a document in a result: {"result":{"stac":{"files":{..}}}}


@attrs.frozen(kw_only=True)
class Leftovers:
    """What was found; `stac` is None where it is too large, or there is none."""

    catalogs: Sequence[str] = ()
    items: int = 0
    stac: Fields | None = None
    message: Fields | None = None
    error: Fields | None = None


@attrs.define
class _Tree:
    """Documents below the catalogs, read as far as there is room for them."""

    place: Documents
    room: int
    items: int = 0
    files: dict[str, Any] | None = attrs.field(factory=dict)
    seen: set[str] = attrs.field(factory=set)

    def read(self, catalogs: Sequence[str]) -> None:
        """Read all that `catalogs` lead to."""
        waiting = [*reversed(catalogs)]
        while waiting and len(self.seen) < _MAX_DOCUMENTS:
            name = waiting.pop()
            if name not in self.seen:
                self.seen.add(name)
                waiting += reversed(self._read_catalog(name))

    def _read_catalog(self, name: str) -> list[str]:
        """Read a catalog and its items; return the catalogs that it links to."""
        document = self._take(name)
        more: list[str] = []
        for rel, href in _links(document):
            target = _target(self.place, name, href)
            if rel == "item":
                self.items += 1
                if target is not None and self.files is not None:
                    self._take(target)
            elif target is not None:
                more.append(target)
        return more

    def _take(self, name: str) -> Any:
        text = self.place.read(name)
        if text is None:
            return None
        self.room -= len(text)
        if self.room < 0:
            self.files = None
        document = _as_json(text)
        if self.files is not None and document is not None:
            self.files[name] = document
        return document


def read_leftovers(place: Documents, *, is_shared: bool) -> Leftovers:
    """Return what is in a folder; others read it too if `is_shared`."""
    message = _as_json(place.read("message.json"))
    error = _as_json(place.read("error.json"))
    catalogs = _catalogs(place)
    tree = _Tree(place, SHOWN_BYTES if is_shared else _MAX_TREE_BYTES)
    tree.read(catalogs)
    has_stac = catalogs and tree.files is not None
    return Leftovers(
        catalogs=catalogs,
        items=tree.items,
        stac={"root": catalogs[0], "files": tree.files} if has_stac else None,
        message=message if isinstance(message, dict) else None,
        error=_error(error) if isinstance(error, dict) else None,
    )


def output_catalogs(names: Iterable[str], listed: Sequence[str] | None) -> list[str]:
    """Return which of a folder's names are its catalogs, in their order.

    `listed` is what `batch-catalogs.json` says; without that file the numbers count.
    The adapter has the same rule, but to load it takes longer than many a call.
    """
    if listed is not None:
        return [*listed]
    matches = [match for match in map(_CATALOG.fullmatch, names) if match]
    if any(not match[1] for match in matches):
        return ["catalog.json"]
    return [match[0] for match in sorted(matches, key=lambda match: int(match[1]))]


def _catalogs(place: Documents) -> Sequence[str]:
    listed = _as_json(place.read(_BATCHES))
    names = listed if isinstance(listed, list) else None
    if names is not None:
        names = [name for name in names if isinstance(name, str) and is_inside(name)]
    found = output_catalogs(place.names(), names)
    return [name for name in found if place.read(name) is not None]


def _links(document: Any) -> Iterator[tuple[str, str]]:
    """Yield what a catalog links to below it: relation and href."""
    links = document.get("links") if isinstance(document, dict) else None
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") in {"item", "child", "next"}:
            href = link.get("href")
            if isinstance(href, str):
                yield link["rel"], href


def _target(place: Documents, name: str, href: str) -> str | None:
    """Return the name below the folder that `href` means in the document `name`."""
    path = place.relative(href)
    if path is None:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), href))
    return path if is_inside(path) else None


def _error(fields: Fields) -> Fields:
    return {name: fields[name] for name in _ERROR_FIELDS if name in fields}


def _as_json(text: bytes | None) -> Any:
    if text is None:
        return None
    try:
        return decode(text, max_depth=MAX_DEPTH - _DEEPER)
    except WireError:
        return None
