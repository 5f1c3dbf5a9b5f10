"""Deadlines of clients: put off all the time, and kept to the instant."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from harpcaller.front.timers import Timers


@asynccontextmanager
async def running_timers() -> AsyncIterator[Timers]:
    """Let timers ring during the block."""
    timers = Timers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        yield timers
        nursery.cancel_scope.cancel()


class Rings:
    """Notes when it rang."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def __call__(self) -> None:
        self.at.append(trio.current_time())


async def test_a_timer_rings_once_at_its_time(autojump_clock: MockClock) -> None:
    """Its time is not that of others."""
    rings = [Rings() for _ in range(3)]
    async with running_timers() as timers:
        for due, ring in zip((30, 1, 2.5), rings, strict=True):
            timers.add(ring).set(due)
        await trio.sleep(100)

    assert [ring.at for ring in rings] == [[30], [1], [2.5]]


@pytest.mark.parametrize(
    ("dues", "rung"),
    [
        ((5, 8), [8]),
        ((5, 3), [3]),
        ((5, math.inf), []),
        ((30, 1, math.inf, 61, 4), [4]),
        ((2, math.inf, 2), [2]),
    ],
)
async def test_only_the_time_that_was_set_last_counts(
    dues: tuple[float, ...], rung: list[float], autojump_clock: MockClock
) -> None:
    """Each request of a client moves its deadline, to and fro."""
    rings = Rings()
    async with running_timers() as timers:
        timer = timers.add(rings)
        for due in dues:
            timer.set(due)
        await trio.sleep(100)

    assert rings.at == rung


async def test_a_timer_can_be_set_again_after_it_rang(
    autojump_clock: MockClock,
) -> None:
    """A client whose time is up still has a while to read why."""
    rings = Rings()
    async with running_timers() as timers:
        timer = timers.add(rings)
        timer.set(1)
        await trio.sleep(2)
        timer.set(3)
        await trio.sleep(100)

    assert rings.at == [1, 3]


async def test_a_closed_timer_never_rings(autojump_clock: MockClock) -> None:
    """Its client has left."""
    rings = Rings()
    async with running_timers() as timers:
        timer = timers.add(rings)
        timer.set(1)
        timer.close()
        await trio.sleep(100)

    assert rings.at == []


async def test_those_who_left_are_forgotten(autojump_clock: MockClock) -> None:
    """A hundred thousand short visits within their thirty seconds hold no memory."""
    stayed = Rings()
    async with running_timers() as timers:
        timers.add(stayed).set(30)
        for _ in range(100_000):
            timer = timers.add(Rings())
            timer.set(20)
            timer.close()
        held = timers.entry_count
        await trio.sleep(100)

    assert held <= 2_001
    assert stayed.at == [30]
