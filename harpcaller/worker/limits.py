"""What a procedure's calls may take, and how many may run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from protocol.harp_worker import Refusal, Refused


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds of each call, and of the calls of a procedure together; none is none."""

    timeout_s: float | None = None
    max_output_bytes: int | None = None
    max_calls: int | None = None
    max_waiting: int = 100


class Gate:
    """Lets as many calls of a procedure run as may; owns who waits for a place."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = None
        if limits.max_calls is not None:
            self._room = trio.Semaphore(limits.max_calls)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it while the block runs.

        Raises:
            Refused: `busy`, as many as may are waiting already.
        """
        if self._room is None:
            yield
            return
        waiting = self._room.statistics().tasks_waiting
        if self._room.value == 0 and waiting >= self._limits.max_waiting:
            message = (
                f"{self._limits.max_calls} calls of this procedure run "
                f"and {waiting} wait: no more may"
            )
            raise Refused(Refusal.BUSY, message)
        async with self._room:
            yield
