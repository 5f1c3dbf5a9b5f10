"""Parents that fill their room, and the children that they wait for."""

from __future__ import annotations

from families import wall_time
from many_parents import all_end, many_parents
from trio.testing import MockClock

from harpcaller.store.memory import MemoryStore


async def test_more_parents_than_may_run_all_end(autojump_clock: MockClock) -> None:
    """If parents took their children's room, each would wait for ever."""
    await all_end(many_parents(MemoryStore(clock=wall_time), wall_time, 1))
