"""What a procedure's calls may take, and how many may run at once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
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


class Gates:
    """Lets as many calls of a procedure run as may; owns who waits for a place.

    They outlive a reload: calls that run by the old settings count.
    """

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    def adjust(self, limits: Mapping[str, Limits]) -> None:
        """Have these limits from now on, by the names of procedures."""
        for name, gate in [*self._gates.items()]:
            if name not in limits and gate.is_unused:
                del self._gates[name]
        for name, these in limits.items():
            if name in self._gates:
                self._gates[name].adjust(these)
            else:
                self._gates[name] = _Gate(these)

    @asynccontextmanager
    async def place(self, name: str) -> AsyncIterator[None]:
        """Wait for a place of this procedure, and hold it while the block runs.

        Raises:
            Refused: `busy`, as many as may are waiting already.
        """
        async with self._gates[name].place():
            yield


class _Gate:
    """The calls of one procedure, first come, first served."""

    def __init__(self, limits: Limits) -> None:
        self._room = trio.CapacityLimiter(_places(limits))
        self._limits = limits

    @property
    def is_unused(self) -> bool:
        """Tell whether no call runs or waits."""
        found = self._room.statistics()
        return not found.borrowed_tokens and not found.tasks_waiting

    def adjust(self, limits: Limits) -> None:
        self._limits = limits
        self._room.total_tokens = _places(limits)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        waiting = self._room.statistics().tasks_waiting
        if self._room.available_tokens <= 0 and waiting >= self._limits.max_waiting:
            message = (
                f"{self._limits.max_calls} calls of this procedure run "
                f"and {waiting} wait: no more may"
            )
            raise Refused(Refusal.BUSY, message)
        async with self._room:
            yield


def _places(limits: Limits) -> float:
    return math.inf if limits.max_calls is None else limits.max_calls
