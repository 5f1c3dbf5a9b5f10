"""Whether calls would be taken and kept now, and if not, why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import trio

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.store import StoreError, Write

STOPPING: Final = "stopping"
DRAINING: Final = "draining"
NOT_WRITABLE: Final = "store_not_writable"
DISK_LOW: Final = "disk_low"
PATIENCE_S = 1.0  # who asks is told of a full disk within two seconds


class Readiness:
    """Looks at the store and its disk when asked, never longer than `PATIENCE_S`.

    However often it is asked, one look at a time is under way.
    """

    def __init__(
        self,
        state_dir: Path,
        min_free_bytes: int,
        dispatcher: Dispatcher,
    ) -> None:
        self._store = dispatcher.store
        self._state_dir = state_dir
        self._min_free_bytes = min_free_bytes
        self._dispatcher = dispatcher
        self._probe: Write[None] | None = None
        self._looking = trio.CapacityLimiter(1)

    async def reasons(self) -> list[str]:
        """Return why the daemon is not ready; nothing if it is."""
        is_writable, is_low = False, False
        with trio.move_on_after(PATIENCE_S):
            is_low = await self._is_disk_low()
            is_writable = await self._is_writable()
        found = {
            STOPPING: self._dispatcher.is_stopping,
            DRAINING: self._dispatcher.is_draining,
            NOT_WRITABLE: not is_writable,
            DISK_LOW: is_low,
        }
        return [reason for reason, is_so in found.items() if is_so]

    async def _is_disk_low(self) -> bool:
        free = await trio.to_thread.run_sync(
            self._free_bytes, abandon_on_cancel=True, limiter=self._looking
        )
        return free < self._min_free_bytes

    def _free_bytes(self) -> int:
        found = os.statvfs(self._state_dir)
        return found.f_bavail * found.f_frsize

    async def _is_writable(self) -> bool:
        if self._probe is None or self._probe.is_done:
            self._probe = self._store.probe()
        try:
            await self._probe
        except StoreError:
            return False
        return True
