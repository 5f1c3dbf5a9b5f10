"""The driver over the store of the daemon, with its files."""

from __future__ import annotations

import time
from pathlib import Path

from eventually import eventually
from families import MemoryTransfers, Table, World, a_sleep, a_submit
from many_parents import all_end, many_parents
from scripted_runner import DONE

from harpcaller.adapters.machine import End, Ended, Fetch, Fetched, Note
from harpcaller.store.sqlite import SqliteStore
from protocol.job import State
from protocol.jsontext import encode


def a_store(directory: Path) -> SqliteStore:
    """Return a store over what is in `directory`."""
    return SqliteStore(directory, clock=time.time, reserve_bytes=0)


async def test_a_child_whose_submit_is_not_durable_yet_ends_with_the_parent(
    tmp_path: Path,
) -> None:
    """The list of children is read behind it."""
    world = World(
        lambda: Table([a_sleep("s", 0)], {"s": [a_submit("a", "hang"), End(DONE)]}),
        store=a_store(tmp_path / "state"),
        clock=time.time,
    )

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE
        children = await world.children()
    await world.store.close()

    assert [child.state for child in children] == [State.ENDED]


async def test_a_parent_goes_on_with_what_is_in_the_files(tmp_path: Path) -> None:
    """Its log, its documents and the ends of its children."""
    fetch = Fetch(key="f", uri="s3://b/k", max_bytes=10)
    world = World(
        lambda: Table(
            [Note(encode(1)), a_submit("a", "nap"), fetch, a_sleep("s", 1.5)],
            {"s": [End(DONE)]},
        ),
        transfers=MemoryTransfers({"s3://b/k": b"body"}, seconds=0),
        store=a_store(tmp_path / "state"),
        clock=time.time,
    )
    async with world.life():
        await eventually(lambda: bool(world.machines) and len(world.told()) == 2)
    before = world.told()
    await world.store.close()

    world.store = a_store(tmp_path / "state")
    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE
        notes = await world.notes()
    await world.store.close()

    assert world.told()[:2] == before
    assert {type(event) for event in before} == {Ended, Fetched}
    assert notes == [encode(1)]
    assert len(world.workers.started) == 1


async def test_more_parents_than_may_run_all_end_with_files(tmp_path: Path) -> None:
    """Each kind has a room of its own in the real store, too."""
    world = many_parents(a_store(tmp_path / "state"), time.time, 0.01)

    await all_end(world)

    await world.store.close()
