"""A tree of STAC documents walked: its items, or the documents that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.stac import (
    Item,
    NotStac,
    check_catalog,
    is_linked,
    links,
    read_item,
    source_of,
)
from harpcaller.adapters.harmony.uris import last_part

MAX_DEPTH: Final = 32


@attrs.frozen
class Missing:
    """Documents that have to be read before the tree can be walked."""

    uris: tuple[str, ...]


@attrs.frozen
class Tree:
    """A tree that was walked: its items in order, and where all documents stand."""

    items: tuple[Item, ...]
    uris: tuple[str, ...]


@attrs.define
class _Walk:
    """One walk: what was found, and what was not there."""

    documents: Mapping[str, Any]
    items: list[Item] = attrs.field(factory=list)
    missing: list[str] = attrs.field(factory=list)
    seen: dict[str, None] = attrs.field(factory=dict)  # in order

    def catalog(self, uri: str, source: str | None, depth: int) -> None:
        """Walk a catalog depth first, then the pages that follow it."""
        page: str | None = uri
        while page is not None:
            page, source = self._page(page, source, depth)

    def _page(
        self, uri: str, source: str | None, depth: int
    ) -> tuple[str | None, str | None]:
        """Walk one page; return the next one, and the source that it goes by."""
        document = self._take(uri)
        if document is None:
            return None, source
        check_catalog(document, uri)
        source = source_of(document, uri) or source
        for href in links(document, uri, "item"):
            item = self._take(href)
            if item is not None:
                self.items.append(read_item(item, href, source))
        for href in links(document, uri, "child"):
            if depth == MAX_DEPTH:
                raise NotStac(f"its catalogs nest deeper than {MAX_DEPTH} levels")
            self.catalog(href, source, depth + 1)
        return next(links(document, uri, "next"), None), source

    def _take(self, uri: str) -> Any:
        if uri in self.seen:
            raise NotStac(f"{last_part(uri)} is linked more than once")
        self.seen[uri] = None
        if uri not in self.documents:
            self.missing.append(uri)
        return self.documents.get(uri)


def walk_tree(root: str, documents: Mapping[str, Any]) -> Tree | Missing:
    """Return the tree below the catalog `root`, or what has to be read.

    Raises:
        NotStac: a document is none, a loop, or too deep.
    """
    walk = _Walk(documents)
    walk.catalog(root, None, 1)
    if walk.missing:
        return Missing(tuple(walk.missing))
    return Tree(tuple(walk.items), tuple(walk.seen))


def unread(root: str, documents: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what has to be read before the tree below `root` can be walked.

    It only follows links, for pystac takes long: with each page that comes it would
    judge all those before once more. What is no STAC is seen when the tree is walked.
    """
    missing: list[str] = []
    seen: set[str] = set()
    waiting = [(root, 1)]
    while waiting:
        uri, depth = waiting.pop()
        if uri in seen or depth > MAX_DEPTH:
            continue
        seen.add(uri)
        if uri not in documents:
            missing.append(uri)
        elif depth and is_linked(documents[uri]):
            waiting += reversed(_below(documents[uri], uri, depth))
    return tuple(missing)


def _below(document: Mapping[str, Any], uri: str, depth: int) -> list[tuple[str, int]]:
    """Return what a catalog links to, each with its depth: items have none."""
    depths = {"item": 0, "child": depth + 1, "next": depth}
    return [
        (href, below)
        for relation, below in depths.items()
        for href in links(document, uri, relation)
    ]


def read_tree(root: str, documents: Mapping[str, Any]) -> tuple[Item, ...] | Missing:
    """Return all items below the catalog `root`, in order, or what has to be read.

    Raises:
        NotStac: a document is none, a loop, or too deep.
    """
    tree = walk_tree(root, documents)
    return tree if isinstance(tree, Missing) else tree.items
