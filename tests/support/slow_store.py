"""A store in memory that has much to forget, and takes its time."""

from __future__ import annotations

import trio

from harpcaller.store import Write
from harpcaller.store.memory import MemoryStore


class SlowStore(MemoryStore):
    """Has so many lots to prune, each of which takes so long."""

    def __init__(self, *, lots: int, lot_s: float) -> None:
        super().__init__()
        self._lots = lots
        self._lot_s = lot_s

    def prune(self, before: float, limit: int) -> Write[int]:
        """See `Store.prune`."""
        write: Write[int] = Write()
        trio.lowlevel.spawn_system_task(self._prune, write, limit)
        return write

    async def _prune(self, write: Write[int], limit: int) -> None:
        await trio.sleep(self._lot_s)
        write.succeed(limit if self._lots > 0 else 0)
        self._lots -= 1
