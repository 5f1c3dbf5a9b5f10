"""Sealed values and documents of a job: they lie beside it until it ends."""

from __future__ import annotations

import apsw

from protocol.call import Sealed


def keep_sealed(
    db: apsw.Connection, owner: int, no: int, sealed: tuple[Sealed, ...]
) -> None:
    """Keep the sealed values of job `no` in the set that goes with `owner`."""
    db.executemany(
        "INSERT INTO sealed VALUES (?, ?, ?, ?, ?)",
        ((owner, no, n, s.pointer, s.value) for n, s in enumerate(sealed)),
    )


def open_sealed(db: apsw.Connection, owner: int | None, no: int) -> tuple[Sealed, ...]:
    """Return the sealed values of job `no`, in their order."""
    if owner is None:
        return ()
    rows = db.execute(
        "SELECT pointer, value FROM sealed WHERE owner = ? AND job = ? ORDER BY n",
        (owner, no),
    )
    return tuple(Sealed(pointer=pointer, value=value) for pointer, value in rows)


def keep_doc(db: apsw.Connection, no: int, name: str, body: bytes) -> None:
    """Keep or replace a document beside job `no`."""
    db.execute("INSERT OR REPLACE INTO doc VALUES (?, ?, ?)", (no, name, body))


def erase(db: apsw.Connection, no: int) -> None:
    """Remove what goes when job `no` ends."""
    db.execute("DELETE FROM sealed WHERE owner = ?", (no,))
    db.execute("DELETE FROM doc WHERE job = ?", (no,))
