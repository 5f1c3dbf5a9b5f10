"""What goes on beside the jobs: forgetting those that ended long ago."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NoReturn

import structlog
import trio

from harpcaller.runners.installed import Installed
from harpcaller.runners.outside.folders import remove_folders
from harpcaller.store import Store, StoreError

PRUNE_LOT = 200
_EVERY_S = 60

log = structlog.get_logger()


async def prune_for_ever(
    store: Store,
    adapters: Iterable[Installed],
    max_age_s: Callable[[], float],
    clock: Callable[[], float],
) -> NoReturn:
    """Forget jobs that ended more than `max_age_s()` ago, in small lots."""
    while True:
        try:
            pruned = await prune_once(store, adapters, clock() - max_age_s())
        except StoreError as error:
            log.warning("jobs.kept", reason=str(error))
        else:
            if pruned:
                log.info("jobs.pruned", count=pruned)
        await trio.sleep(_EVERY_S)


async def prune_once(
    store: Store,
    adapters: Iterable[Installed],
    before: float,
    tell: Callable[[int], Awaitable[None]] | None = None,
) -> int:
    """Forget the jobs that ended before a time; return how many.

    What they have left with adapters goes first: after a crash nobody would know of it.
    `tell` is awaited after each lot with how many there were so far.
    """
    pruned = 0
    begun = trio.current_time()
    while lot := await _prune_lot(store, adapters, before):
        pruned += lot
        if tell is not None:
            await tell(pruned)
        # Others' writes go between two lots: they have half of the writer's time.
        await trio.sleep(trio.current_time() - begun)
        begun = trio.current_time()
    return pruned


async def _prune_lot(store: Store, adapters: Iterable[Installed], before: float) -> int:
    # Both see the same jobs: whatever ends in between has ended later.
    await remove_folders(adapters, await store.prunable(before, PRUNE_LOT))
    return await store.prune(before, PRUNE_LOT)
