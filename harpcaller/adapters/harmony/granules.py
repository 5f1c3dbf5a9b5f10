"""What a request works on: granules of its message, or items of its catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from harpcaller.adapters.harmony.geometry import box_geometry
from harpcaller.adapters.harmony.message import Message
from harpcaller.adapters.harmony.stac import Item, text_of
from harpcaller.adapters.harmony.uris import last_part

STAC_VERSION: Final = "1.0.0"
_LATITUDES_OF_SIX: Final = (0, 1, 3, 4)  # of west, south, low, east, north, high


@attrs.frozen(kw_only=True)
class Granule:
    """One input: as a message lists it, and as an item of a catalog."""

    source: str  # the collection
    name: str
    hrefs: tuple[str, ...]
    types: tuple[str | None, ...]
    size: int = 0
    listed: Mapping[str, Any] = attrs.field(repr=False)
    item: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Unusable:
    """One input that fails by itself: its code, and why."""

    code: str
    text: str


Input: TypeAlias = Granule | Unusable


def of_message(message: Message) -> Iterator[Granule]:
    """Give the granules that the message lists, source by source."""
    period = message.fields.get("temporal", {})
    for source in message.sources:
        for listed in source.get("granules", ()):
            yield of_listed(listed, source["collection"], period)


def of_listed(
    listed: Mapping[str, Any],
    source: str,
    period: Mapping[str, str],
    mime: str | None = None,
) -> Granule:
    """Return a granule as messages list it; without a time it goes by `period`."""
    return Granule(
        source=source,
        name=listed["name"],
        hrefs=(listed["url"],),
        types=(mime,),
        listed=listed,
        item=_item(listed, period, mime),
    )


def of_items(items: tuple[Item, ...], message: Message) -> Iterator[Input]:
    """Give the granules that a catalog lists; those that fail by themselves too."""
    collections = [source["collection"] for source in message.sources]
    alone = collections[0] if len(collections) == 1 else None
    for item in items:
        source = item.source or alone
        if not item.data:
            text = f"Granule {item.id} has no data asset"
            yield Unusable(code="E16", text=text)
        elif source is None or source not in collections:
            text = "Could not match granule to a collection"
            yield Unusable(code="E17", text=text)
        else:
            yield of_item(item, source)


def of_item(item: Item, source: str) -> Granule:
    """Return an item that has data as a granule of the collection `source`."""
    return Granule(
        source=source,
        name=item.id,
        hrefs=tuple(asset.href for asset in item.data),
        types=tuple(asset.type for asset in item.data),
        size=sum(asset.size for asset in item.data),
        listed=_listed(item),
        item=item.document,
    )


def box_of(item: Mapping[str, Any]) -> list[float] | None:
    """Return west, south, east and north of an item, None if it has no such box."""
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) not in {4, 6}:
        return None
    if not all(isinstance(edge, int | float) for edge in box):
        return None
    return box if len(box) == 4 else [box[place] for place in _LATITUDES_OF_SIX]


def period_of(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return when an item begins and ends, verbatim; one instant is both."""
    properties = item["properties"]
    start = text_of(properties, "start_datetime")
    end = text_of(properties, "end_datetime")
    if start and end:
        return start, end
    instant = text_of(properties, "datetime")
    return (instant, instant) if instant else None


def _listed(item: Item) -> dict[str, Any]:
    """Return an item as messages below 0.11.0 list their granules."""
    first = item.data[0]
    listed: dict[str, Any] = {
        "id": item.id,
        "name": first.title or last_part(first.href),
        "url": first.href,
    }
    box, period = box_of(item.document), period_of(item.document)
    if box is not None:
        listed["bbox"] = box
    if period is not None:
        listed["temporal"] = {"start": period[0], "end": period[1]}
    return listed


def _item(
    listed: Mapping[str, Any], period: Mapping[str, str], mime: str | None
) -> dict[str, Any]:
    asset = {"href": listed["url"], "title": listed["name"], "roles": ["data"]}
    if mime is not None:
        asset["type"] = mime
    when = listed.get("temporal") or period
    box = listed.get("bbox")
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "id": listed["id"],
        # pystac drops the box of an item without geometry.
        "geometry": None if box is None else box_geometry(box),
        "properties": {
            "datetime": None,
            # null, not absent: else pystac wants a datetime.
            "start_datetime": when.get("start"),
            "end_datetime": when.get("end"),
        },
        "links": [],
        "assets": {"data": asset},
    }
    return item if box is None else {**item, "bbox": box}
