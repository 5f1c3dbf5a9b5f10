"""What the SQLite store does when the disk is full or broken."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest
import trio
from failing_disk import REAL_DISK, FailingDisk
from new_jobs import new_job, queue
from stored import DONE, ended, log_of, record_of, started, texts

from harpcaller.store import CancelResult, Full, Unavailable
from harpcaller.store.sqlite import SqliteStore
from harpcaller.store.sqlite.schema import DATABASE
from protocol.job import State
from protocol.jsontext import JsonText

MIB = 1024 * 1024


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    """Yield a disk that fails when it is told to."""
    disk = FailingDisk()
    yield disk
    disk.unregister()


@pytest.fixture
def failures() -> list[BaseException]:
    """Return what `on_failure` was called with."""
    return []


@pytest.fixture
async def store(
    disk: FailingDisk, failures: list[BaseException], tmp_path: Path
) -> AsyncIterator[SqliteStore]:
    """Yield a store on that disk."""
    store = SqliteStore(tmp_path / "state", reserve_bytes=0, on_failure=failures.append)
    await store.open("test", 1000, 1000)
    yield store
    await store.close()


async def test_nothing_is_acknowledged_after_a_failed_sync(
    store: SqliteStore, disk: FailingDisk, failures: list[BaseException], tmp_path: Path
) -> None:
    """P1: the kernel forgets what it could not write; only a new start can tell."""
    told = await started(store)
    disk.is_failing = True
    lost = new_job()

    with pytest.raises(Unavailable, match="the store failed"):
        await store.submit(lost)
    disk.is_failing = False
    with pytest.raises(Unavailable):
        await store.append(told, 0, texts("0"))

    assert len(failures) == 1
    assert await store.get(told.job_id) is not None
    assert await store.get(lost.job_id) is None


async def test_all_of_a_lot_fail_when_the_sync_does(
    store: SqliteStore, disk: FailingDisk, failures: list[BaseException]
) -> None:
    """None of them is durable, though some were written."""
    disk.is_failing = True

    writes = [store.submit(new_job()) for _ in range(5)]
    for write in writes:
        with pytest.raises(Unavailable):
            await write

    assert len(failures) == 1
    assert (await store.counts())[State.RUNNING] == 0


async def test_a_full_disk_refuses_only_what_grows(
    store: SqliteStore, disk: FailingDisk, failures: list[BaseException]
) -> None:
    """`storage_full`, until there is space again; it is no failure of the disk."""
    claim = await started(store)
    disk.is_full = True

    with pytest.raises(Full):
        await store.submit(new_job())
    with pytest.raises(Full):
        await store.append(claim, 0, texts("0"))
    with pytest.raises(Full):
        await store.put_doc(claim.job_id, "a", b"1")
    assert await log_of(store, claim.job_id) == []

    disk.is_full = False
    await store.append(claim, 0, texts("0"))
    await store.submit(new_job())
    assert failures == []


async def test_one_sync_serves_all_that_wait(
    store: SqliteStore, disk: FailingDisk
) -> None:
    """Group commit: what many clients ask for costs one sync or two."""
    await store.probe()
    before = disk.syncs

    writes = [store.submit(new_job()) for _ in range(200)]
    for write in writes:
        await write

    assert disk.syncs - before <= 5


async def test_a_stranger_with_a_lock_is_waited_for_and_then_told(
    store: SqliteStore, failures: list[BaseException], tmp_path: Path
) -> None:
    """Somebody opens the file with a tool: no reason to die, nor to wait for ever."""
    stranger = apsw.Connection(str(tmp_path / "state" / DATABASE), vfs=REAL_DISK)
    stranger.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable, match="locked"):
        await store.submit(new_job())
    stranger.execute("ROLLBACK")
    stranger.close()

    await store.submit(new_job())
    assert failures == []


QUOTA = """
import resource, sys, trio
from pathlib import Path
from new_jobs import new_job
from harpcaller.store import Full
from harpcaller.store.sqlite import SqliteStore
async def main():
    store = SqliteStore(Path(sys.argv[1]), reserve_bytes=0)
    await store.open("test", 1000, 1000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
    try:
        while True:
            await store.submit(new_job(info=b'"' + b"x" * 50_000 + b'"'))
    except Full:
        print("full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    await store.submit(new_job())
    await store.close()
trio.run(main)
"""


async def test_a_quota_is_a_full_disk(tmp_path: Path) -> None:
    """The daemon goes on when somebody has made room."""
    path = os.pathsep.join(sys.path)

    result = await trio.run_process(
        [sys.executable, "-c", QUOTA, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_stdout=True,
    )

    assert result.stdout == b"full\n"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Yield a directory on a file system of 8 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    with tempfile.TemporaryDirectory() as directory:
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", directory]
        subprocess.run(mount, check=True)
        yield Path(directory)
        subprocess.run(["umount", "--lazy", directory], check=True)


async def test_jobs_still_end_on_a_full_disk(small_disk: Path) -> None:
    """The reserve is given up for what must go on, and kept again later."""
    store = SqliteStore(small_disk / "state", reserve_bytes=2 * MIB)
    await store.open("test", 2, 1000)
    old = await ended(store)
    claim, other = await started(store, new_job(queue=queue())), await started(store)
    waiting = new_job(queue=queue())
    await store.submit(waiting)
    filler = small_disk / "filler"
    fill(filler)
    big = JsonText(b'"' + b"x" * 200_000 + b'"')

    with pytest.raises(Full):
        await store.append(claim, 0, [big] * 20)
    [successor] = await store.finish(claim, DONE, 0, [])
    assert successor.job_id == waiting.job_id
    with pytest.raises(Full):
        await store.finish(successor, DONE, 0, [big] * 20)
    assert (await record_of(store, successor.job_id)).outcome is None
    assert await store.finish(successor, DONE, 0, []) == ()
    assert await store.cancel(other.job_id) is CancelResult.REQUESTED
    assert await store.remove(old)
    assert (await record_of(store, successor.job_id)).outcome == DONE
    assert await log_of(store, successor.job_id) == []
    with pytest.raises(Full):
        await store.submit(new_job())

    filler.unlink()
    with trio.fail_after(60):
        while not await succeeds(store):  # noqa: ASYNC110 (no event tells of space)
            await trio.sleep(0.1)
    assert (small_disk / "state" / "reserve").stat().st_size == 2 * MIB
    await store.close()


async def succeeds(store: SqliteStore) -> bool:
    """Tell whether a job can be submitted."""
    try:
        await store.submit(new_job())
    except Full:
        return False
    return True


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (64 * 1024, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
