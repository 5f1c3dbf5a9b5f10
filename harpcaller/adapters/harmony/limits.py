"""How many granules a request may have, and whether somebody waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harpcaller.adapters.harmony.chains import Chain
from harpcaller.adapters.harmony.refusals import Code, Refusal
from harpcaller.adapters.harmony.settings import Settings


def is_synchronous(chain: Chain, message: Mapping[str, Any], count: int) -> bool:
    """Tell whether the user waits; a message that does not say so is judged by size."""
    told = message.get("isSynchronous")
    return count <= chain.max_sync_granules if told is None else bool(told)


def refuse_counts(
    settings: Settings, chain: Chain, count: int, *, is_sync: bool
) -> None:
    """See that a request of `count` granules is not too large.

    Raises:
        Refusal: E13 or E14, it is.
    """
    name = f"Service {chain.name} accepts"
    if is_sync and count > chain.max_sync_granules:
        most = chain.max_sync_granules
        raise Refusal(
            Code.SYNC_LIMIT,
            f"{name} at most {most} granules synchronously"
            if most
            else f"{name} only asynchronous requests",
        )
    limits = [settings.max_granules]
    if not is_sync and chain.max_async_granules is not None:
        limits.append(chain.max_async_granules)
    if count > min(limits):
        raise Refusal(Code.ASYNC_LIMIT, f"{name} at most {min(limits)} granules")
