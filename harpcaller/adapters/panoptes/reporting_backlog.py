"""What a monitor has not been told yet: in order, and bounded."""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Rank(IntEnum):
    """How much would be missed: what is of the lowest rank is dropped first."""

    TALK = 0
    COURSE = 1
    END = 2


class Backlog(Generic[T]):
    """A queue of things of three ranks; when it is full the least and oldest goes."""

    def __init__(self, most: int) -> None:
        self.dropped = 0
        self._most = most
        self._lanes: tuple[deque[tuple[int, T]], ...] = tuple(deque() for _ in Rank)
        self._last = 0
        self._first = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes))

    def put(self, thing: T, rank: Rank) -> None:
        """Add something behind all else; if there is no room, make it."""
        self._make_room()
        self._last += 1
        self._lanes[rank].append((self._last, thing))

    def put_first(self, thing: T, rank: Rank) -> None:
        """Add something before all else."""
        self._make_room()
        self._first -= 1
        self._lanes[rank].appendleft((self._first, thing))

    def first(self) -> T:
        """Return what comes next; there has to be something."""
        return self._next_lane()[0][1]

    def remove(self, thing: T) -> None:
        """Take out what came next, unless it was dropped meanwhile."""
        for lane in self._lanes:
            if lane and lane[0][1] is thing:
                lane.popleft()
                return

    def _make_room(self) -> None:
        if len(self) >= self._most:
            self.dropped += 1
            next(lane for lane in self._lanes if lane).popleft()

    def _next_lane(self) -> deque[tuple[int, T]]:
        return min((lane for lane in self._lanes if lane), key=lambda lane: lane[0][0])
