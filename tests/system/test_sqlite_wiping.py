"""Sealed values leave the files of a store soon after their job has ended."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import trio
from eventually import eventually
from new_jobs import new_job
from stored import DONE, started

from harpcaller.store import Store
from harpcaller.store.sqlite import SqliteStore
from protocol.call import Sealed
from protocol.jsontext import JsonText

CANARY = b"canary-that-nobody-may-find"
SECRET = (Sealed(pointer="/0", value=JsonText(b'"%b"' % CANARY)),)
WITHIN_S = 15  # the machines of CI are busy


@asynccontextmanager
async def open_store(directory: Path) -> AsyncIterator[SqliteStore]:
    """Open a store until the block ends."""
    store = SqliteStore(directory)
    await store.open("test", 100, 10_000)
    try:
        yield store
    finally:
        await store.close()


async def run_sealed(store: Store) -> None:
    """Have a job with a sealed value begin and end."""
    claim = await started(store, new_job(sealed=SECRET))
    await store.finish(claim, DONE, 0, [])


def holds(directory: Path) -> Callable[[], bool]:
    """Return what tells whether a file in the directory has the canary."""
    return lambda: any(CANARY in path.read_bytes() for path in directory.iterdir())


def is_free(directory: Path) -> Callable[[], bool]:
    """Return what tells whether no file has it."""
    is_held = holds(directory)
    return lambda: not is_held()


async def test_an_idle_store_loses_the_sealed_values_of_ended_jobs(
    tmp_path: Path,
) -> None:
    """No later write is needed, and no stop."""
    async with open_store(tmp_path) as store:
        claim = await started(store, new_job(sealed=SECRET))
        assert holds(tmp_path)()
        await store.finish(claim, DONE, 0, [])

        await eventually(is_free(tmp_path), WITHIN_S)


async def test_a_busy_store_loses_them_too(tmp_path: Path) -> None:
    """There may be no moment without work for days."""
    async with open_store(tmp_path) as store, trio.open_nursery() as nursery:
        await run_sealed(store)
        for _ in range(4):
            nursery.start_soon(probe_for_ever, store)

        await eventually(is_free(tmp_path), WITHIN_S)
        nursery.cancel_scope.cancel()


async def probe_for_ever(store: Store) -> None:
    """Have the store write without a pause."""
    while True:
        await store.probe()


async def test_a_start_loses_what_a_killed_epoch_left(tmp_path: Path) -> None:
    """A kill comes before the wiping, sooner or later."""
    left = tmp_path / "left"
    async with open_store(tmp_path / "killed") as store:
        await run_sealed(store)
        shutil.copytree(tmp_path / "killed", left)
    assert holds(left)()

    async with open_store(left):
        await eventually(is_free(left), WITHIN_S)


async def test_a_reader_puts_it_off_and_delays_no_write(tmp_path: Path) -> None:
    """A backup may take minutes."""
    async with open_store(tmp_path) as store:
        reader = apsw.Connection(str(tmp_path / "jobs.db"))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchall()
        await run_sealed(store)
        for _ in range(40):  # over two attempts
            with trio.fail_after(0.9):
                await store.probe()
            await trio.sleep(0.1)
        assert holds(tmp_path)()

        reader.close()

        await eventually(is_free(tmp_path), WITHIN_S)
