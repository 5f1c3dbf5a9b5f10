"""The operations on documents, each a step of an open transaction."""

from __future__ import annotations

from harpcaller.store import Fenced
from harpcaller.store.sqlite import beside
from harpcaller.store.sqlite.ledger import Ledger
from harpcaller.store.sqlite.rows import blob_of
from protocol.job import JobId


def put_doc(ledger: Ledger, job_id: JobId, name: str, body: bytes) -> None:
    """Keep a document beside a job; see `Store.put_doc`."""
    no = ledger.db.execute(
        "SELECT no FROM job WHERE id = ? AND state < 2", (blob_of(job_id),)
    ).get
    if no is None:
        raise Fenced("the job has ended or never was")
    beside.keep_doc(ledger.db, no, name, body)
    ledger.mark_beside(no)


def put_shared(ledger: Ledger, space: str, name: str, body: bytes | None) -> None:
    """Keep, replace or remove a document of a space."""
    if body is None:
        ledger.db.execute(
            "DELETE FROM shared WHERE space = ? AND name = ?", (space, name)
        )
    else:
        ledger.db.execute(
            "INSERT OR REPLACE INTO shared VALUES (?, ?, ?)", (space, name, body)
        )
