"""Shapes of bounding boxes, GeoJSON (RFC 7946)."""

from __future__ import annotations

from typing import Any, Final

_EDGE: Final = 180  # the antimeridian


def box_geometry(box: list[float]) -> dict[str, Any]:
    """Return a box as a polygon, or as two where it crosses the antimeridian."""
    west, south, east, north = box
    if west <= east:
        return {"type": "Polygon", "coordinates": _ring(west, south, east, north)}
    return {
        "type": "MultiPolygon",
        "coordinates": [
            _ring(west, south, _EDGE, north),
            _ring(-_EDGE, south, east, north),
        ],
    }


def _ring(west: float, south: float, east: float, north: float) -> list[Any]:
    """Return the corners counterclockwise, as section 3.1.6 wants an outer ring."""
    corners = [[west, south], [east, south], [east, north], [west, north]]
    return [[*corners, corners[0]]]
