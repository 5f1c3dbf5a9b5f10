"""More parents than may run at a time, each with children that need room as well."""

from __future__ import annotations

from collections.abc import Callable

from families import Table, World, a_submit
from new_jobs import new_id
from scripted_runner import DONE, ScriptedRunner, sleeping

from harpcaller.adapters.machine import Action, End, Ended, Event
from harpcaller.store import JobFilter, Store
from protocol.job import State

MAX_RUNNING = 2
CHILDREN = 2


class Pair(Table):
    """A machine that ends when both of its children have."""

    def __init__(self) -> None:
        super().__init__([a_submit("a"), a_submit("b")])

    def on(self, event: Event) -> list[Action]:
        """Return the end, once it is there."""
        self.told.append(event)
        ended = [each for each in self.told if isinstance(each, Ended)]
        return [End(DONE)] if len(ended) == CHILDREN else []


def many_parents(store: Store, clock: Callable[[], float], nap_s: float) -> World:
    """Return a world of five parents in a dispatcher with room for two."""
    return World(
        Pair,
        workers=ScriptedRunner(nap=sleeping(nap_s)),
        store=store,
        clock=clock,
        max_running=MAX_RUNNING,
        parents=[new_id() for _ in range(5)],
    )


async def all_end(world: World) -> None:
    """Dispatch until all parents have ended, and look at what there was."""
    async with world.life() as dispatcher:
        for parent in world.parents:
            assert await world.outcome(dispatcher, parent) == DONE
    for parent in world.parents:
        page = await world.store.jobs(JobFilter(parent=parent), None, 10)
        assert [child.outcome for child in page.jobs] == [DONE] * CHILDREN
    counts = await world.store.counts()
    assert counts[State.ENDED] == len(world.parents) * (1 + CHILDREN)
