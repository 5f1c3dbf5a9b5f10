"""Bounding boxes and ranges of time: what the schema cannot say of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from harpcaller.adapters.harmony.refusals import Detail

_POLE = 90


def box_problems(message: Mapping[str, Any]) -> Iterator[Detail]:
    """Give what is wrong with the boxes of a message that its schema accepts.

    West may be greater than east: such a box crosses the antimeridian.
    """
    for pointer, holder in _holders(message, "/subset", message["subset"]):
        if "bbox" in holder:
            problem = _box_problem(holder["bbox"])
            if problem is not None:
                yield Detail(f"{pointer}/bbox", problem)


def period_problems(message: Mapping[str, Any]) -> Iterator[Detail]:
    """Give what is wrong with the ranges of time of a message."""
    for pointer, holder in _holders(message, "", message):
        if "temporal" in holder:
            problem = _period_problem(holder["temporal"])
            if problem is not None:
                yield Detail(f"{pointer}/temporal", problem)


def instant(text: str) -> datetime:
    """Return when it is; RFC 3339 takes small letters too, and Python does not.

    Raises:
        ValueError: it is no time.
    """
    return datetime.fromisoformat(text.upper())


def _holders(
    message: Mapping[str, Any], pointer: str, request: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give what may hold an extent: the request's own part, and every granule."""
    yield pointer, request
    for number, source in enumerate(message["sources"]):
        for place, granule in enumerate(source.get("granules", ())):
            yield f"/sources/{number}/granules/{place}", granule


def _box_problem(box: list[float]) -> str | None:
    if not all(map(_is_finite, box)):
        return "must be finite"
    _, south, _, north = box
    if south > north:
        return "south is above north"
    if south < -_POLE or north > _POLE:
        return "latitudes are from -90 to 90"
    return None


def _period_problem(period: Mapping[str, str]) -> str | None:
    if len(period) < 2:  # one side is open
        return None
    start, end = (instant(period[side]) for side in ("start", "end"))
    return "start is after end" if start > end else None


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer that is beyond every double
        return False
