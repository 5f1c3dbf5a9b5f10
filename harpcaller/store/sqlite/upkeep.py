"""Forgetting what has ended, giving its space back, and looking for damage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw

from harpcaller.store import Fault, Unavailable
from harpcaller.store.sqlite import schema
from harpcaller.store.sqlite.directory import take_directory
from harpcaller.store.sqlite.ledger import Ledger
from harpcaller.store.sqlite.rows import blob_of, id_of
from protocol.job import JobId

_MIN_FREE_PAGES = 2048  # 8 MiB stay for the next jobs
_PAGES_A_STEP = 512

# A child waits for the end of its parent, which may read it again.
_PRUNABLE = """SELECT no, id FROM job INDEXED BY job_ended
    WHERE state = 2 AND ended_at < ? AND (parent IS NULL OR NOT EXISTS (
        SELECT 1 FROM job AS p WHERE p.id = job.parent AND p.state < 2))
    ORDER BY ended_at LIMIT ?"""


def prunable(ledger: Ledger, before: float, limit: int) -> list[JobId]:
    """Return the jobs that `prune` would forget; see `Store.prunable`."""
    return [id_of(blob) for _, blob in _old(ledger, before, limit)]


def prune(ledger: Ledger, before: float, limit: int) -> int:
    """Forget up to `limit` jobs that ended before; see `Store.prune`."""
    old = _old(ledger, before, limit)
    for no, blob in old:
        _forget(ledger, no, blob)
    _give_back(ledger.db)
    return len(old)


def remove(ledger: Ledger, job_id: JobId) -> bool:
    """Forget one job, if it has ended."""
    blob = blob_of(job_id)
    no = ledger.db.execute("SELECT no FROM job WHERE id = ? AND state = 2", (blob,)).get
    if no is None:
        return False
    _forget(ledger, no, blob)
    return True


def probe(ledger: Ledger) -> None:
    """Write something that means nothing."""
    ledger.db.execute(
        "INSERT OR REPLACE INTO meta VALUES ('probed_at', ?)", (ledger.clock(),)
    )


def check_directory(directory: Path) -> list[Fault]:
    """Look for damage of a store that no process uses.

    Raises:
        Unavailable: there is no store.
        InUse: a process has it; the message names its pid.
    """
    if not (directory / schema.DATABASE).is_file():
        raise Unavailable(f"{directory} holds no store")
    lock = take_directory(directory)
    try:
        return check_file(directory)
    finally:
        os.close(lock)


def check_file(directory: Path) -> list[Fault]:
    """Look for damage through a connection of its own."""
    try:
        db = schema.open_reader(directory)
    except apsw.Error as error:
        return [Fault(message=str(error))]
    try:
        return check(db)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return [Fault(message=str(error))]
    finally:
        db.close()


def check(db: apsw.Connection) -> list[Fault]:
    """Look for damage of the file, and for jobs that contradict themselves."""
    faults = [
        Fault(message=message)
        for (message,) in db.execute("PRAGMA quick_check")
        if message != "ok"
    ]
    return faults or _contradictions(db)


def _contradictions(db: apsw.Connection) -> list[Fault]:
    faults = []
    for blob, told, held, dense in db.execute(
        "SELECT id, packets, coalesce(sum(count), 0), coalesce(max(first + count), 0)"
        " FROM job LEFT JOIN chunk ON chunk.job = job.no WHERE state = 2"
        " GROUP BY job.no HAVING packets <> coalesce(sum(count), 0)"
        " OR packets <> coalesce(max(first + count), 0)"
    ):
        message = f"the log holds {held} packets up to {dense}, the job tells {told}"
        faults.append(Fault(message=message, job_id=id_of(blob)))
    faults.extend(
        Fault(message=f"packets of job number {no}, which there is not")
        for (no,) in db.execute(
            "SELECT DISTINCT job FROM chunk WHERE job NOT IN (SELECT no FROM job)"
        )
    )
    return faults


def _old(ledger: Ledger, before: float, limit: int) -> list[Any]:
    found: list[Any] = ledger.db.execute(_PRUNABLE, (before, limit)).fetchall()
    return found


def _forget(ledger: Ledger, no: int, blob: bytes) -> None:
    ledger.db.execute("DELETE FROM chunk WHERE job = ?", (no,))
    ledger.db.execute("DELETE FROM job WHERE no = ?", (no,))
    ledger.ended -= 1
    ledger.changed[id_of(blob)] = None


def _give_back(db: apsw.Connection) -> None:
    """Make the file smaller, in small steps, once much of it is free."""
    if db.pragma("freelist_count") > _MIN_FREE_PAGES:
        # Each row it returns is a page given back: it stops if they are not read.
        db.execute(f"PRAGMA incremental_vacuum({_PAGES_A_STEP})").fetchall()
