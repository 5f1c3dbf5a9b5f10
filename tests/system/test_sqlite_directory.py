"""The state directory of the SQLite store: rights, lock, versions, copies."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import apsw
import pytest
import trio
from new_jobs import new_id, new_job, queue
from stored import DONE, ended, log_of, record_of, started, texts

from harpcaller.store import Fault, Unavailable
from harpcaller.store.admission import key_of
from harpcaller.store.sqlite import InUse, SqliteStore, TooNew
from harpcaller.store.sqlite.rows import blob_of
from harpcaller.store.sqlite.schema import DATABASE, migrate, migrations
from protocol.call import Sealed
from protocol.job import State
from protocol.jsontext import JsonText


async def opened(directory: Path) -> SqliteStore:
    """Return an open store."""
    store = SqliteStore(directory, reserve_bytes=4096)
    await store.open("test", 1000, 1000)
    return store


async def test_only_the_owner_may_look_at_it(tmp_path: Path) -> None:
    """B25: arguments and results are nobody else's."""
    old_mask = os.umask(0)
    try:
        store = await opened(tmp_path / "new" / "state")
        await started(store)
    finally:
        os.umask(old_mask)

    directory = tmp_path / "new" / "state"
    files = list(directory.iterdir())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {file.name for file in files} >= {DATABASE, "lock", "reserve"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await store.close()


async def test_a_second_store_is_told_who_has_the_first(tmp_path: Path) -> None:
    """Two writers would start the same jobs."""
    store = await opened(tmp_path)
    second = (
        "import sys, trio; from pathlib import Path\n"
        "from harpcaller.store.sqlite import SqliteStore\n"
        "trio.run(SqliteStore(Path(sys.argv[1])).open, 'test', 1, 1)"
    )

    result = await trio.run_process(
        [sys.executable, "-c", second, str(tmp_path)],
        capture_stderr=True,
        check=False,
    )

    assert result.returncode != 0
    told = f"in use by the process with pid {os.getpid()}"
    assert told in result.stderr.decode()
    with pytest.raises(InUse):
        await opened(tmp_path)
    await store.close()
    await (await opened(tmp_path)).close()


async def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """It may mean something else by the same tables."""
    await (await opened(tmp_path)).close()
    db = apsw.Connection(str(tmp_path / DATABASE))
    db.execute("UPDATE meta SET value = 99 WHERE name = 'schema_version'")
    db.close()

    with pytest.raises(TooNew, match="format 99, this program knows"):
        await opened(tmp_path)

    with pytest.raises(TooNew):  # and the directory is free: not InUse
        await opened(tmp_path)


async def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """A sentence that names the directory, and the directory is free again."""
    (tmp_path / DATABASE).write_text("this is no database, and never was " * 100)

    for _ in range(2):
        with pytest.raises(Unavailable, match=str(tmp_path)):
            await opened(tmp_path)


def test_a_migration_is_done_once_and_whole() -> None:
    """A crash in the middle leaves the old version."""
    db = apsw.Connection(":memory:")
    migrate(db, migrations())
    steps = [*migrations(), "CREATE TABLE more (a)", "CREATE TABLE more (a)"]

    with pytest.raises(apsw.SQLError):
        migrate(db, steps)
    assert not db.table_exists(None, "more")

    migrate(db, steps[:-1])
    migrate(db, steps[:-1])
    assert db.table_exists(None, "more")
    assert db.execute("SELECT value FROM meta").get == len(steps) - 1


async def test_what_waited_in_a_store_of_format_1_is_started(tmp_path: Path) -> None:
    """An upgrade loses no job, and the order of each queue stays."""
    db = apsw.Connection(str(tmp_path / DATABASE))
    migrate(db, migrations()[:1])
    waiting = [new_id() for _ in range(4)]
    for no, (job_id, on_loss) in enumerate(zip(waiting, (2, 2, 0, 1), strict=True)):
        db.execute(
            "INSERT INTO job (no, id, state, queue, slots, submitted_at, starts,"
            " on_loss, retries, timeout_s, max_exec_s, host, procedure, identity,"
            " queue_name, arguments, info)"
            " VALUES (?, ?, 0, ?, 1, 0, 0, ?, 1, 9, 9, 'h', 'p', '', ?, '[]', 'null')",
            (no + 1, blob_of(job_id), key_of(queue()), on_loss, queue().name),
        )
    db.close()

    store = await opened(tmp_path)
    claims = list(await store.take())
    for claim in claims:
        claims += await store.finish(claim, DONE, 0, [])

    assert [claim.job_id for claim in claims] == waiting
    await store.close()


async def test_a_backup_can_be_opened(tmp_path: Path) -> None:
    """It is consistent, though jobs come and go meanwhile."""
    store = await opened(tmp_path / "state")
    claim = await started(store)
    await store.append(claim, 0, texts("0"))
    (tmp_path / "copy").mkdir()

    await store.backup(tmp_path / "copy" / DATABASE)
    await store.finish(claim, DONE, 1, [])
    await store.close()

    copy = await opened(tmp_path / "copy")
    assert (await record_of(copy, claim.job_id)).state is State.ENDED
    assert await log_of(copy, claim.job_id) == texts("0")
    assert list(await copy.check()) == []
    await copy.close()


async def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    """A typing error must not cost the last good copy."""
    store = await opened(tmp_path / "state")
    copy = tmp_path / "copy"
    copy.write_text("precious")

    with pytest.raises(FileExistsError):
        await store.backup(copy)

    assert copy.read_text() == "precious"
    await store.close()


async def test_sealed_values_leave_the_file_when_the_job_ends(tmp_path: Path) -> None:
    """P7: deleting a row alone would leave them readable in a free page."""
    secret = Sealed(pointer="/0", value=JsonText(b'"canary-91f3"'))
    store = await opened(tmp_path)
    parent = await started(store, new_job(sealed=(secret,)))
    await started(store, new_job(queue=queue()))
    child = new_job(queue=queue(), parent=parent.job_id, sealed=(secret,))
    await store.submit(child)
    await store.put_doc(parent.job_id, "body", b"canary-91f3")

    await store.cancel(child.job_id)
    await store.backup(tmp_path / "before")
    await store.finish(parent, DONE, 0, [])
    await store.close()

    assert b"canary-91f3" in (tmp_path / "before").read_bytes()
    assert b"canary-91f3" not in (tmp_path / DATABASE).read_bytes()


async def test_damage_is_found_and_named(tmp_path: Path) -> None:
    """`check` says which job contradicts itself."""
    store = await opened(tmp_path)
    claim = await started(store)
    await store.finish(claim, DONE, 0, texts("0", "1"))
    await store.close()
    db = apsw.Connection(str(tmp_path / DATABASE))
    db.execute("UPDATE chunk SET count = 1")
    db.execute("INSERT INTO chunk VALUES (77, 0, 1, '0')")
    db.close()

    store = await opened(tmp_path)
    faults = await store.check()

    assert list(faults) == [
        Fault(
            message="the log holds 1 packets up to 1, the job tells 2",
            job_id=claim.job_id,
        ),
        Fault(message="packets of job number 77, which there is not"),
    ]
    await store.close()


async def test_space_comes_back_after_pruning(tmp_path: Path) -> None:
    """B10: also while jobs stay."""
    store = await opened(tmp_path)
    packet = JsonText(b'"' + b"x" * 60_000 + b'"')
    kept = await ended(store)
    for _ in range(20):
        claim = await started(store)
        await store.finish(claim, DONE, 0, [packet] * 20)
    full = (await store.check(), (tmp_path / DATABASE).stat().st_size)

    while await store.prune(float("inf"), 5):
        pass
    for _ in range(20):
        await store.prune(0, 5)
    await store.close()

    assert full[0] == []
    assert full[1] > 20_000_000
    assert (tmp_path / DATABASE).stat().st_size < 10_000_000
    assert kept
