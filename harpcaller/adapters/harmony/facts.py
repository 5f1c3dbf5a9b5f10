"""What is known of the data-operation message: each field, its kind, its first version.

One row for each field; the schemas of all versions are made from them, schema.py.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

import attrs

OLDEST: Final = 4  # minor versions of major version 0: 0.4.0 …
NEWEST: Final = 22  # … 0.22.0
_LATER: Final = NEWEST + 1


class Kind(Enum):
    """What a value may be; the fields of objects and members of lists have own rows."""

    TEXT = auto()
    URI = auto()
    UUID = auto()
    TIME = auto()  # RFC 3339, with an offset
    FLAG = auto()
    NUMBER = auto()
    INTEGER = auto()
    BOX = auto()  # west, south, east, north
    POINT = auto()  # longitude, latitude
    OBJECT = auto()
    OBJECT_OR_NULL = auto()
    OBJECT_OR_TEXT = auto()
    ANY_OBJECT = auto()  # its fields are nobody's business
    LIST = auto()


@attrs.frozen(kw_only=True)
class Fact:
    """One field: `*` in a path is each member of a list.

    The field is known from minor version `since` on and below `until`; it is required
    in all of these, or below `required_until`.
    """

    path: str
    kind: Kind
    since: int = OLDEST
    until: int = _LATER
    required_until: int = 0

    def is_known(self, minor: int) -> bool:
        """Tell whether version 0.`minor`.0 has the field."""
        return self.since <= minor < self.until

    def is_required(self, minor: int) -> bool:
        """Tell whether a message of version 0.`minor`.0 must have the field."""
        return minor < self.required_until


def _may(path: str, kind: Kind, since: int = OLDEST, until: int = _LATER) -> Fact:
    return Fact(path=path, kind=kind, since=since, until=until)


def _must(
    path: str, kind: Kind, since: int = OLDEST, required_until: int = _LATER
) -> Fact:
    return Fact(path=path, kind=kind, since=since, required_until=required_until)


def _variables(path: str, since: int) -> tuple[Fact, ...]:
    """Return the facts of a list of variables; they are alike wherever they stand."""
    each = f"{path}/*"
    url = f"{each}/relatedUrls/*"
    words = ("url", "urlContentType", "type", "subtype", "description", "format")
    return (
        _may(path, Kind.LIST, since),
        _may(each, Kind.OBJECT, since),
        _must(f"{each}/id", Kind.TEXT, since),
        _must(f"{each}/name", Kind.TEXT, since),
        _must(f"{each}/fullPath", Kind.TEXT, max(8, since)),
        _may(f"{each}/relatedUrls", Kind.LIST, max(12, since)),
        _may(url, Kind.OBJECT, max(12, since)),
        *(_may(f"{url}/{word}", Kind.TEXT, max(12, since)) for word in words),
        _may(f"{url}/mimeType", Kind.TEXT, max(12, since)),
        _may(f"{each}/type", Kind.TEXT, max(15, since)),
        _may(f"{each}/subtype", Kind.TEXT, max(15, since)),
        *_visualizations(f"{each}/visualizations"),
    )


def _visualizations(path: str) -> tuple[Fact, ...]:
    return (_may(path, Kind.LIST, 22), _may(f"{path}/*", Kind.ANY_OBJECT, 22))


def _period(path: str, since: int) -> tuple[Fact, ...]:
    """Return the facts of a range of time; either side may be open."""
    return (
        _may(path, Kind.OBJECT, since),
        _may(f"{path}/start", Kind.TIME, since),
        _may(f"{path}/end", Kind.TIME, since),
    )


_ABOUT: Final = (
    _may("/$schema", Kind.TEXT),
    _must("/version", Kind.TEXT),
    _must("/requestId", Kind.UUID),
    _may("/callback", Kind.URI),
    _must("/stagingLocation", Kind.TEXT, 6),
    _may("/isSynchronous", Kind.FLAG),
    _must("/user", Kind.TEXT),
    _must("/client", Kind.TEXT),
    _must("/accessToken", Kind.TEXT, 9),
)
_GRANULE: Final = "/sources/*/granules/*"
_SOURCES: Final = (
    _must("/sources", Kind.LIST),
    _may("/sources/*", Kind.OBJECT),
    _must("/sources/*/collection", Kind.TEXT),
    _may("/sources/*/shortName", Kind.TEXT, 17),
    _may("/sources/*/versionId", Kind.TEXT, 17),
    *_variables("/sources/*/variables", OLDEST),
    *_variables("/sources/*/coordinateVariables", 15),
    *_visualizations("/sources/*/visualizations"),
    _must("/sources/*/granules", Kind.LIST, required_until=11),
    _may(_GRANULE, Kind.OBJECT),
    _must(f"{_GRANULE}/id", Kind.TEXT),
    _must(f"{_GRANULE}/name", Kind.TEXT),
    _must(f"{_GRANULE}/url", Kind.TEXT),
    _may(f"{_GRANULE}/bbox", Kind.BOX, 7),
    *_period(f"{_GRANULE}/temporal", 7),
)
_FORMAT: Final = (
    _must("/format", Kind.OBJECT),
    _may("/format/crs", Kind.TEXT),
    _may("/format/mime", Kind.TEXT),
    _may("/format/interpolation", Kind.TEXT, 5),
    _may("/format/srs", Kind.OBJECT_OR_NULL, 10),
    _may("/format/srs/proj4", Kind.TEXT, 10),
    _may("/format/srs/wkt", Kind.TEXT, 10),
    _may("/format/srs/epsg", Kind.TEXT, 10),
    _may("/format/isTransparent", Kind.FLAG),
    _may("/format/width", Kind.NUMBER),
    _may("/format/height", Kind.NUMBER),
    _may("/format/dpi", Kind.INTEGER),
    _may("/format/scaleExtent", Kind.OBJECT, 5),
    *(
        fact
        for axis in ("x", "y")
        for fact in (
            _may(f"/format/scaleExtent/{axis}", Kind.OBJECT, 5),
            _may(f"/format/scaleExtent/{axis}/min", Kind.NUMBER, 5),
            _may(f"/format/scaleExtent/{axis}/max", Kind.NUMBER, 5),
        )
    ),
    _may("/format/scaleSize", Kind.OBJECT, 5),
    _may("/format/scaleSize/x", Kind.NUMBER, 5),
    _may("/format/scaleSize/y", Kind.NUMBER, 5),
)
_SUBSET: Final = (
    _must("/subset", Kind.OBJECT),
    _may("/subset/bbox", Kind.BOX),
    _may("/subset/point", Kind.POINT, 14),
    _may("/subset/shape", Kind.OBJECT, 6, 19),
    # A text of GeoJSON; Harmony's own list of changes does not tell of it.
    _may("/subset/shape", Kind.OBJECT_OR_TEXT, 19),
    _must("/subset/shape/href", Kind.TEXT, 6),
    _must("/subset/shape/type", Kind.TEXT, 6),
    _may("/subset/dimensions", Kind.LIST, 16),
    _may("/subset/dimensions/*", Kind.OBJECT, 16),
    _must("/subset/dimensions/*/name", Kind.TEXT, 16),
    _may("/subset/dimensions/*/min", Kind.NUMBER, 16),
    _may("/subset/dimensions/*/max", Kind.NUMBER, 16),
)
_REST: Final = (
    *_period("/temporal", OLDEST),
    _may("/concatenate", Kind.FLAG, 13),
    _may("/extendDimensions", Kind.LIST, 18),
    _may("/extendDimensions/*", Kind.TEXT, 18),
    _may("/extraArgs", Kind.ANY_OBJECT, 19),
    _may("/average", Kind.TEXT, 20),
    _may("/pixelSubset", Kind.FLAG, 21),
)

FACTS: Final = (*_ABOUT, *_SOURCES, *_FORMAT, *_SUBSET, *_REST)
"""All fields; one that stands in another comes after it."""
