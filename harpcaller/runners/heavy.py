"""Work on large documents, done beside the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import trio

T = TypeVar("T")

# What has more to parse than this would keep the loop for too long.
LARGE_BYTES: Final = 256 * 1024


async def sized(size: int, work: Callable[..., T], *arguments: object) -> T:
    """Return what `work` returns; it runs in a thread if it has so many bytes to see.

    Small work runs at once, without giving way to others.
    """
    if size > LARGE_BYTES:
        return await trio.to_thread.run_sync(work, *arguments)
    return work(*arguments)
