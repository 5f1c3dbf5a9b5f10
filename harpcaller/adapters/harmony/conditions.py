"""Which steps of a chain a request needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.chains import Chain, Step
from harpcaller.adapters.harmony.granules import Granule
from harpcaller.adapters.harmony.mimes import type_of
from harpcaller.adapters.harmony.operations import Operation, is_requested

# What Harmony writes when the user named no format.
_NOT_NAMED: Final = "image/tiff"


@attrs.frozen(kw_only=True)
class Needed:
    """The steps that run, in order, and what there is to warn of."""

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()


def wanted_format(chain: Chain, message: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the format that is asked for, "" for none, and what to warn of."""
    mime: str = message["format"].get("mime", "")
    formats = chain.capabilities.output_formats
    if mime == _NOT_NAMED and formats and mime not in formats:
        warning = f"{chain.name} does not write {mime}: taken as no format"
        return "", [warning]
    return mime, []


def needed_steps(
    chain: Chain,
    message: Mapping[str, Any],
    granules: Sequence[Granule],
    natives: Mapping[str, str],
) -> Needed:
    """Return the steps that run; none is legal: the outputs are then the inputs.

    `natives` are formats of collections.
    """
    mime, warnings = wanted_format(chain, message)
    steps = []
    for step in chain.steps:
        if not _is_asked_for(step, message, mime):
            continue
        if step.native_formats:
            known = set(_native_formats(granules, natives))
            if not known:
                warnings.append(f"step {step.number}: the granules' format is unknown")
            if known.isdisjoint(step.native_formats):
                continue
        steps.append(step)
    return Needed(steps=tuple(steps), warnings=tuple(warnings))


def _is_asked_for(step: Step, message: Mapping[str, Any], mime: str) -> bool:
    if step.exists:
        if not any(is_requested(message, operation) for operation in step.exists):
            return False
        # Without dimensions to extend, there is nothing to stitch together along.
        both = {Operation.EXTEND, Operation.CONCATENATE}
        if both <= set(step.exists) and not message.get("extendDimensions"):
            return False
    return step.formats is None or mime in step.formats


def _native_formats(
    granules: Sequence[Granule], natives: Mapping[str, str]
) -> Iterator[str]:
    for granule in granules:
        if granule.source in natives:
            yield natives[granule.source]
        for href, told in zip(granule.hrefs, granule.types, strict=True):
            mime = told or type_of(href)
            if mime is not None:
                yield mime


def is_aggregating(step: Step, message: Mapping[str, Any]) -> bool:
    """Tell whether a step waits for all outputs of the one before it."""
    return step.waits_for_all or _concatenates(step, message)


def takes_lots(step: Step, message: Mapping[str, Any]) -> bool:
    """Tell whether an aggregating step gets lots, not all at once."""
    return step.is_batched and is_requested(message, Operation.CONCATENATE)


def _concatenates(step: Step, message: Mapping[str, Any]) -> bool:
    return Operation.CONCATENATE in step.operations and is_requested(
        message, Operation.CONCATENATE
    )
