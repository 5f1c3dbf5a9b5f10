"""STAC documents as they are met: what an item is, where its data are, when and where.

pystac judges them; it reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.uris import is_relative, last_part, readable, resolve

SOURCE: Final = "harmony_source"
# Links that say where a document stands, not what it is.
STRUCTURE: Final = frozenset(
    {"root", "parent", "self", "item", "child", "next", "prev"}
)
_DATA: Final = "data"


class NotStac(Exception):
    """A document that is no STAC; the sentence names it."""


@attrs.frozen(kw_only=True)
class Asset:
    """A file of an item; `href` is absolute, `size` in bytes if known."""

    key: str
    href: str
    title: str | None
    type: str | None
    size: int


@attrs.frozen(kw_only=True)
class Item:
    """One item; `document` has absolute hrefs, `was_relative` tells if it had not.

    `source` is the collection that a `harmony_source` link names, None without one.
    """

    id: str
    document: Mapping[str, Any] = attrs.field(repr=False)
    data: tuple[Asset, ...]
    source: str | None
    was_relative: bool = False


def check_catalog(document: Any, uri: str) -> None:
    """See that pystac reads the document as a catalog, of whatever version.

    Raises:
        NotStac: it does not.
    """
    _check(document, uri, "Catalog")


def is_linked(document: Any) -> bool:
    """Tell whether a document has links that can be followed."""
    found = document.get("links") if isinstance(document, dict) else None
    return isinstance(found, list) and all(_leads(link, "rel") for link in found)


def links(document: Mapping[str, Any], uri: str, relation: str) -> Iterator[str]:
    """Give the absolute hrefs of a document's links, in order."""
    for link in document["links"]:
        if link["rel"] == relation:
            yield resolve(uri, str(link["href"]))


def source_of(document: Mapping[str, Any], uri: str) -> str | None:
    """Return the collection that the document's `harmony_source` link names."""
    return next((last_part(href) for href in links(document, uri, SOURCE)), None)


def read_item(document: Any, uri: str, source: str | None) -> Item:
    """Return an item; `source` is that of the catalogs that it stands in.

    Raises:
        NotStac: pystac does not read it.
    """
    _check(document, uri, "Item")
    assets = document["assets"]
    hrefs = {key: str(assets[key]["href"]) for key in assets}
    kept = dict(document)
    kept["assets"] = {
        key: {**assets[key], "href": readable(resolve(uri, href))}
        for key, href in hrefs.items()
    }
    kept["links"] = list(_kept_links(document, uri))
    return Item(
        id=str(document["id"]),
        document=kept,
        data=tuple(data_assets(kept["assets"])),
        source=source_of(document, uri) or source,
        was_relative=any(is_relative(href) for href in hrefs.values()),
    )


def _kept_links(document: Mapping[str, Any], uri: str) -> Iterator[dict[str, Any]]:
    """Give the links that still mean the same where the item will stand."""
    for link in document["links"]:
        if link["rel"] not in STRUCTURE:
            yield {**link, "href": readable(resolve(uri, str(link["href"])))}


def data_assets(assets: Mapping[str, Mapping[str, Any]]) -> Iterator[Asset]:
    """Give the assets that are data, in order."""
    for key, asset in assets.items():
        roles, size = asset.get("roles"), asset.get("file:size")
        if key == _DATA or (isinstance(roles, list) and _DATA in roles):
            yield Asset(
                key=key,
                href=asset["href"],
                title=text_of(asset, "title"),
                type=text_of(asset, "type"),
                size=size if isinstance(size, int) else 0,
            )


def text_of(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a field's text, None if it has none: nobody has checked what it is."""
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _check(document: Any, uri: str, kind: str) -> None:
    # An extra, and slow to load: not before the first document of STAC.
    import pystac  # noqa: PLC0415

    name = last_part(uri)
    if not isinstance(document, dict):
        raise NotStac(f"{name} is no object")
    reader: type[pystac.STACObject] = getattr(pystac, kind)
    try:
        reader.from_dict(document, href=uri, migrate=True)
    except (
        pystac.STACError,
        pystac.STACTypeError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):
        # What pystac says may show values of the document.
        raise NotStac(f"{name} is no STAC {kind.lower()}") from None
    if not _is_whole(document, is_item=kind == "Item"):
        raise NotStac(f"{name} is no STAC {kind.lower()}")


def _is_whole(document: Mapping[str, Any], *, is_item: bool) -> bool:
    """Tell whether there is all that we go by: pystac forgives more."""
    if not is_linked(document):
        return False
    if not is_item:
        return True
    assets = document.get("assets")
    return (
        "id" in document
        and isinstance(document.get("properties"), dict)
        and isinstance(assets, dict)
        and all(_leads(asset) for asset in assets.values())
    )


def _leads(value: Any, *more: str) -> bool:
    """Tell whether a value has a href, and whatever else it needs, as texts."""
    names = ("href", *more)
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in names
    )
