"""A service as services.yml offers it: what it can do, and the chain of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.operations import Operation

_LOCATORS: Final = ("query-cmr", "cmr-granule-locator")


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a service can do; no output format means that none was declared."""

    bbox: bool = False
    shape: bool = False
    temporal: bool = False
    variable: bool = False
    multiple_variable: bool = False
    dimension: bool = False
    reprojection: bool = False
    concatenation: bool = False
    extend: bool = False
    averaging: frozenset[str] = frozenset()  # time, area
    all_collections: bool = False
    output_formats: tuple[str, ...] = ()

    def allow(self, operation: Operation) -> bool:
        """Tell whether a step may do `operation`."""
        word = _CAPABILITY.get(operation)
        return word is None or bool(getattr(self, word))


_CAPABILITY: Final[Mapping[Operation, str]] = {
    Operation.CONCATENATE: "concatenation",
    Operation.EXTEND: "extend",
    Operation.REPROJECT: "reprojection",
    Operation.SHAPEFILE_SUBSET: "shape",
    Operation.SPATIAL_SUBSET: "bbox",
    Operation.TEMPORAL_SUBSET: "temporal",
    Operation.VARIABLE_SUBSET: "variable",
    Operation.DIMENSION_SUBSET: "dimension",
}


@attrs.frozen(kw_only=True)
class Step:
    """One image of a chain, and when it runs.

    `number` counts from 1, locators left out. Without `formats` any format will do.
    """

    number: int
    image: str  # without its tag
    operations: tuple[Operation, ...] = ()
    exists: tuple[Operation, ...] = ()
    formats: tuple[str, ...] | None = None
    native_formats: tuple[str, ...] = ()
    waits_for_all: bool = False
    is_batched: bool = False
    max_batch_inputs: int | None = None
    max_batch_bytes: int | None = None
    extra_args: Mapping[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Chain:
    """One service: `batch_size` 0 is one batch, `collections` None are not checked."""

    name: str
    minor: int  # of the messages that it wants
    steps: tuple[Step, ...]
    capabilities: Capabilities = Capabilities()
    parallelism: int = 2
    batch_size: int = 0
    max_sync_granules: int = 1
    max_async_granules: int | None = None
    collections: frozenset[str] | None = None
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    url: str | None = None  # of a service behind HTTP


def untagged(image: str) -> str:
    """Return an image's name without tag and digest; a registry may have a port."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def last_segment(image: str) -> str:
    """Return the last part of an image's or a service's name."""
    return image.rpartition("/")[2]


def is_locator(image: str) -> bool:
    """Tell whether an image finds granules: we are given them, it is never called."""
    return any(word in last_segment(image) for word in _LOCATORS)
