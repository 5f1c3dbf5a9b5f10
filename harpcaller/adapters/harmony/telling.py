"""What one step is told: the message less what is not its business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harpcaller.adapters.harmony.chains import Chain, Step
from harpcaller.adapters.harmony.granules import Granule
from harpcaller.adapters.harmony.lowering import lower
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.versions import read_version

_LISTS_GRANULES: Final = 11  # below it, `granules` is required
_HAS_EXTENTS: Final = 7  # of granules
_HAS_EXTRA_ARGS: Final = 19
# What a step is not told that does not do the operation. All else it is always told:
# sizes, dpi, concatenate, extendDimensions, point.
_OF: Final[Mapping[Operation, tuple[tuple[str, ...], ...]]] = {
    Operation.REPROJECT: (
        ("format", "crs"),
        ("format", "srs"),
        ("format", "interpolation"),
        ("format", "scaleExtent"),
    ),
    Operation.REFORMAT: (("format", "mime"),),
    Operation.SPATIAL_SUBSET: (("subset", "bbox"),),
    Operation.SHAPEFILE_SUBSET: (("subset", "shape"),),
    Operation.DIMENSION_SUBSET: (("subset", "dimensions"),),
    Operation.TEMPORAL_SUBSET: (("temporal",),),
}


def tell(
    fields: Mapping[str, Any],
    chain: Chain,
    step: Step,
    granules: Sequence[Granule],
    *,
    has_catalog: bool,
) -> dict[str, Any]:
    """Return the message for a step, in the version that its service wants.

    It never has the callback: services of the old library would post to it.

    Raises:
        Refusal: E4, the older version requires what the message lacks.
    """
    told = {name: fields[name] for name in fields if name != "callback"}
    told["sources"] = _sources(fields, chain, granules, has_catalog=has_catalog)
    told = lower(told, chain.minor)
    if step.operations:
        _take_away(told, step)
    if step.extra_args is not None and read_version(told["version"]) >= _HAS_EXTRA_ARGS:
        told["extraArgs"] = dict(step.extra_args)
    return told


def _sources(
    fields: Mapping[str, Any],
    chain: Chain,
    granules: Sequence[Granule],
    *,
    has_catalog: bool,
) -> list[dict[str, Any]]:
    """Return the sources with the granules of the batch, or with none."""
    minor = min(chain.minor, read_version(fields["version"]))
    is_listed = minor < _LISTS_GRANULES or not has_catalog
    sources = []
    for source in fields["sources"]:
        kept = {name: source[name] for name in source if name != "granules"}
        if is_listed:
            kept["granules"] = [
                _listed(granule, minor)
                for granule in granules
                if granule.source == source["collection"]
            ]
        sources.append(kept)
    return sources


def _listed(granule: Granule, minor: int) -> dict[str, Any]:
    """Return a granule as a message lists it: one of a catalog may tell more."""
    unknown = () if minor >= _HAS_EXTENTS else ("bbox", "temporal")
    return {
        name: granule.listed[name] for name in granule.listed if name not in unknown
    }


def _take_away(told: dict[str, Any], step: Step) -> None:
    for operation, places in _OF.items():
        if operation not in step.operations:
            for place in places:
                _drop(told, place)
    if Operation.VARIABLE_SUBSET not in step.operations:
        told["sources"] = [
            {name: source[name] for name in source if name != "variables"}
            for source in told["sources"]
        ]


def _drop(told: dict[str, Any], place: tuple[str, ...]) -> None:
    """Take one field away; what it stands in is a copy, and stays."""
    *way, last = place
    holder = told
    for name in way:
        holder[name] = dict(holder[name])
        holder = holder[name]
    holder.pop(last, None)
