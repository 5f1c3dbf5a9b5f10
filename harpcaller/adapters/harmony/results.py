"""What a plain procedure returns: an href, or some, made into granules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.extents import instant
from harpcaller.adapters.harmony.granules import (
    Granule,
    box_of,
    of_listed,
    period_of,
)
from harpcaller.adapters.harmony.stac import text_of
from harpcaller.adapters.harmony.uris import last_part

_WHOLE: Final = (-180, 180)
_UNKNOWN: Final = datetime.min.replace(tzinfo=UTC)


class NoHref(Exception):
    """A result is not what a service may return."""

    def __init__(self) -> None:
        super().__init__("its result is no href, and no list of them")


def result_granules(result: Any, inputs: Sequence[Granule], seed: str) -> list[Granule]:
    """Return the outputs; where they tell no extent, it is that of all inputs.

    `seed` makes their ids.

    Raises:
        NoHref: the result is something else.
    """
    members = result if isinstance(result, list) else [result]
    whole = {"bbox": _box(inputs), "temporal": _period(inputs)}
    outputs = []
    for number, member in enumerate(members):
        fields = _fields(member)
        listed = {
            "id": f"{seed}-{number}",
            "name": text_of(fields, "title") or last_part(fields["href"]),
            "url": fields["href"],
        }
        told = {"bbox": box_of(fields), "temporal": _told_period(fields)}
        for name, value in told.items():
            extent = whole[name] if value is None else value
            if extent is not None:
                listed[name] = extent
        mime = text_of(fields, "type")
        outputs.append(of_listed(listed, inputs[0].source, {}, mime))
    return outputs


def with_extent(granule: Granule, inputs: Sequence[Granule]) -> Granule:
    """Return an output whose service told no extent or time with that of its inputs.

    What is known is never dropped.
    """
    item: dict[str, Any] = dict(granule.item)
    box = None if box_of(item) is not None else _box(inputs)
    if box is not None:
        item["bbox"] = box
    period = None if period_of(item) is not None else _period(inputs)
    if period is not None:
        times = {"start_datetime": period["start"], "end_datetime": period["end"]}
        item["properties"] = {**item["properties"], **times}
    if box is None and period is None:
        return granule
    return attrs.evolve(granule, item=item)


def _fields(member: Any) -> Mapping[str, Any]:
    fields = {"href": member} if isinstance(member, str) else member
    if not isinstance(fields, dict) or not isinstance(fields.get("href"), str):
        raise NoHref
    return fields


def _told_period(fields: Mapping[str, Any]) -> dict[str, str] | None:
    told = fields.get("temporal")
    if not isinstance(told, dict):
        return None
    sides = {side: text_of(told, side) for side in ("start", "end")}
    return {side: text for side, text in sides.items() if text is not None} or None


def _box(inputs: Sequence[Granule]) -> list[float] | None:
    """Return the box around all inputs; over the antimeridian it is all around."""
    boxes = [box for each in inputs if (box := box_of(each.item)) is not None]
    if len(boxes) < 2:
        return boxes[0] if boxes else None
    wests, souths, easts, norths = zip(*boxes, strict=True)
    west, east = min(wests), max(easts)
    if any(box[0] > box[2] for box in boxes):
        west, east = _WHOLE
    return [west, min(souths), east, max(norths)]


def _period(inputs: Sequence[Granule]) -> dict[str, str] | None:
    """Return when the first input begins and the last one ends, verbatim."""
    periods = [found for each in inputs if (found := period_of(each.item)) is not None]
    if not periods:
        return None
    starts, ends = zip(*periods, strict=True)
    return {"start": min(starts, key=_instant), "end": max(ends, key=_instant)}


def _instant(text: str) -> datetime:
    """Return when it is; times of services may be none, or have no offset."""
    try:
        told = instant(text)
    except ValueError:
        return _UNKNOWN
    return told if told.tzinfo else told.replace(tzinfo=UTC)
