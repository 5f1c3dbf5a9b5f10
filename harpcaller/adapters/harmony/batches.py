"""Granules split into what one call gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.granules import Granule

Batch = tuple[Granule, ...]
Member = TypeVar("Member")


def split(granules: Sequence[Granule], batch_size: int) -> tuple[Batch, ...]:
    """Return batches of at most `batch_size` granules, 0 is all in one.

    Where they have to be split at all, no batch has granules of two collections.
    """
    if not granules:
        return ()
    if batch_size == 0 or len(granules) <= batch_size:
        return (tuple(granules),)
    by_source: dict[str, list[Granule]] = {}
    for granule in granules:
        by_source.setdefault(granule.source, []).append(granule)
    return tuple(
        tuple(members[start : start + batch_size])
        for members in by_source.values()
        for start in range(0, len(members), batch_size)
    )


def lots(
    members: Sequence[Member], sizes: Sequence[int], step: Step
) -> tuple[tuple[Member, ...], ...]:
    """Return what an aggregating step that takes lots gets, in the order given.

    A member larger than the limit in bytes is a lot of its own.
    """
    made: list[list[Member]] = []
    room_bytes = 0
    for member, size in zip(members, sizes, strict=True):
        is_full = not made or len(made[-1]) == step.max_batch_inputs
        if is_full or (step.max_batch_bytes is not None and size > room_bytes):
            made.append([])
            room_bytes = step.max_batch_bytes or 0
        made[-1].append(member)
        room_bytes -= size
    return tuple(tuple(lot) for lot in made)
