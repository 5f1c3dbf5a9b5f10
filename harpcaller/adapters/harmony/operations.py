"""What a request may ask a service to do, in the words of services.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final


class Operation(StrEnum):
    """One thing that a step does to data."""

    CONCATENATE = "concatenate"
    EXTEND = "extend"
    REFORMAT = "reformat"
    REPROJECT = "reproject"
    SHAPEFILE_SUBSET = "shapefileSubset"
    SPATIAL_SUBSET = "spatialSubset"
    TEMPORAL_SUBSET = "temporalSubset"
    VARIABLE_SUBSET = "variableSubset"
    DIMENSION_SUBSET = "dimensionSubset"


def has_variables(message: Mapping[str, Any]) -> bool:
    """Tell whether variables are named, of any collection."""
    return any(source.get("variables") for source in message["sources"])


_REQUESTED: Final[Mapping[Operation, Callable[[Mapping[str, Any]], bool]]] = {
    Operation.CONCATENATE: lambda message: message.get("concatenate") is True,
    Operation.EXTEND: lambda message: bool(message.get("extendDimensions")),
    Operation.REFORMAT: lambda message: bool(message["format"].get("mime")),
    # `srs` alone tells of the same projection; `crs` is what the user asked for.
    Operation.REPROJECT: lambda message: bool(message["format"].get("crs")),
    Operation.SHAPEFILE_SUBSET: lambda message: bool(message["subset"].get("shape")),
    Operation.SPATIAL_SUBSET: lambda message: "bbox" in message["subset"],
    Operation.TEMPORAL_SUBSET: lambda message: bool(message.get("temporal")),
    Operation.VARIABLE_SUBSET: has_variables,
    Operation.DIMENSION_SUBSET: lambda message: bool(
        message["subset"].get("dimensions")
    ),
}


def is_requested(message: Mapping[str, Any], operation: Operation) -> bool:
    """Tell whether the message asks for it."""
    return _REQUESTED[operation](message)
