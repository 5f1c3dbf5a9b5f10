"""Deadlines that hardly ever pass: each request of each client puts one off."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

import trio

_FEW = 1000  # entries that are not worth a look


class Timer:
    """Calls `act` once, when the time it was set to has come; inf is never.

    To set it later than it was costs next to nothing.
    """

    __slots__ = ("_act", "_due", "_timers", "entered")

    def __init__(self, timers: Timers, act: Callable[[], None]) -> None:
        self._timers = timers
        self._act = act
        self._due = math.inf
        self.entered = math.inf
        """When it will be looked at; not after it is due."""

    def set(self, due: float) -> None:
        """Have it ring at `due`, by the clock of the loop, and not before."""
        self._due = due
        if due < self.entered:
            self._timers.enter(self, due)

    def close(self) -> None:
        """Have it never ring again."""
        self._timers.forget(self)

    def look(self, now: float) -> None:
        """Ring if it is due; else be looked at when it is."""
        self.entered = math.inf
        if self._due <= now:
            self._due = math.inf
            self._act()
        else:
            self.set(self._due)


class Timers:
    """Owns the order in which timers are looked at.

    One that was put off is looked at once at its old time, and entered anew.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Timer]] = []
        self._stale = 0
        self._number = itertools.count()
        self._nap = trio.CancelScope()

    @property
    def entry_count(self) -> int:
        """How many times are known at which to look, old ones included."""
        return len(self._entries)

    def add(self, act: Callable[[], None]) -> Timer:
        """Return a new timer, not set."""
        return Timer(self, act)

    async def run(self) -> None:
        """Let timers ring until cancelled."""
        while True:
            due = self._entries[0][0] if self._entries else math.inf
            with trio.CancelScope(deadline=due) as self._nap:
                await trio.sleep_forever()
            now = trio.current_time()
            while self._entries and self._entries[0][0] <= now:
                at, _, timer = heapq.heappop(self._entries)
                if timer.entered == at:
                    timer.look(now)
                else:
                    self._stale -= 1

    def enter(self, timer: Timer, at: float) -> None:
        """Look at `timer` at `at`, and not when it was to be looked at before."""
        self.forget(timer)
        timer.entered = at
        heapq.heappush(self._entries, (at, next(self._number), timer))
        self._nap.deadline = min(self._nap.deadline, at)

    def forget(self, timer: Timer) -> None:
        """Look at `timer` no more."""
        if timer.entered == math.inf:
            return
        timer.entered = math.inf
        self._stale += 1
        if self._stale > _FEW and 2 * self._stale > len(self._entries):
            live = [entry for entry in self._entries if entry[2].entered == entry[0]]
            heapq.heapify(live)
            self._entries, self._stale = live, 0
