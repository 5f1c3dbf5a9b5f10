"""Pruning tells its administrator how far it is."""

from __future__ import annotations

from admin_desk import desk_of
from slow_store import SlowStore
from trio.testing import MockClock

from harpcaller.upkeep import PRUNE_LOT


async def test_a_long_pruning_tells_how_far_it_is(autojump_clock: MockClock) -> None:
    """A client that hears nothing for two minutes gives up."""
    async with desk_of(SlowStore(lots=100, lot_s=2)) as desk:
        reply = await desk.ask("prune_jobs", max_age=1)

    told = [progress["pruned"] for progress in desk.heard]
    assert reply == {"result": "ok", "pruned": 100 * PRUNE_LOT}
    assert told[:2] == [2 * PRUNE_LOT, 4 * PRUNE_LOT]
    assert len(told) == 50


async def test_a_short_pruning_tells_nothing(autojump_clock: MockClock) -> None:
    """The original's clients read one line, which is the reply."""
    async with desk_of(SlowStore(lots=2, lot_s=0.1)) as desk:
        reply = await desk.ask("prune_jobs", max_age=1)

    assert reply == {"result": "ok", "pruned": 2 * PRUNE_LOT}
    assert desk.heard == []
