"""What a request asks for against what its service can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harpcaller.adapters.harmony.chains import Chain
from harpcaller.adapters.harmony.conditions import wanted_format
from harpcaller.adapters.harmony.operations import Operation, is_requested
from harpcaller.adapters.harmony.refusals import Code, Detail, Refusal

_NEEDED: Final[Mapping[Operation, str]] = {
    Operation.VARIABLE_SUBSET: "/sources",
    Operation.DIMENSION_SUBSET: "/subset/dimensions",
    Operation.REPROJECT: "/format/crs",
    Operation.CONCATENATE: "/concatenate",
    Operation.EXTEND: "/extendDimensions",
}
_SHOWN_CHARACTERS: Final = 80  # of what a user asked for
# They limit the search for granules too: without the capability they are no error.
_EXTENTS: Final = (
    Operation.SPATIAL_SUBSET,
    Operation.SHAPEFILE_SUBSET,
    Operation.TEMPORAL_SUBSET,
)


def refuse_unable(chain: Chain, message: Mapping[str, Any]) -> None:
    """See that the service can do what is asked for.

    Raises:
        Refusal: E12, it cannot.
    """
    lacking = list(_lacking(chain, message))
    if lacking:
        _, operation = lacking[0]
        raise Refusal(
            Code.CAPABILITY,
            f"Service {chain.name} cannot perform {operation}",
            [Detail(pointer, f"{word} is no capability") for pointer, word in lacking],
        )


def warn_of_extents(chain: Chain, message: Mapping[str, Any]) -> list[str]:
    """Return a warning for each extent that was asked for and is not cut out."""
    return [
        f"{chain.name} has no {operation}: outputs may extend beyond what was asked for"
        for operation in _EXTENTS
        if is_requested(message, operation) and not chain.capabilities.allow(operation)
    ]


def _shown(word: str) -> str:
    return word[:_SHOWN_CHARACTERS]


def _lacking(chain: Chain, message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give pointer and name of each thing that cannot be done."""
    able = chain.capabilities
    for operation, pointer in _NEEDED.items():
        if is_requested(message, operation) and not able.allow(operation):
            yield pointer, operation
    if able.variable and not able.multiple_variable:
        for place, source in enumerate(message["sources"]):
            if len(source.get("variables", ())) > 1:
                pointer = f"/sources/{place}/variables"
                yield pointer, "variableSubset of several variables"
    if message.get("average") and message["average"] not in able.averaging:
        yield "/average", f"averaging by {_shown(message['average'])}"
    mime, _ = wanted_format(chain, message)
    if mime and able.output_formats and mime not in able.output_formats:
        yield "/format/mime", f"{Operation.REFORMAT} to {_shown(mime)}"
