"""A write that is asked for until the store has done it, or never will."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import trio

from harpcaller.store import Lost, Unavailable, Write

T = TypeVar("T")

RETRY_S: Final = 0.05  # until the store is asked again, at first
MAX_RETRY_S: Final = 1.0


async def until_done(begin: Callable[[], Write[T]]) -> T:
    """Return the result of the first write that was not Unavailable.

    Raises:
        StoreError: it refused for another reason, or it is lost.
    """
    pause_s = RETRY_S
    while True:
        try:
            return await begin()
        except Lost:
            raise
        except Unavailable:
            await trio.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_RETRY_S)
