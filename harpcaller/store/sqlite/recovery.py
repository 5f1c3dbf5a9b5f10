"""What an earlier epoch left running, brought to an end or on its way again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from harpcaller.store import OnLoss
from harpcaller.store.loss import LOST, fate
from harpcaller.store.sqlite import beside, chunks
from harpcaller.store.sqlite.rows import ENDED, ON_LOSS, QUEUED
from protocol.outcome import Outcome, outcome_text


def bury(db: apsw.Connection, clock: Callable[[], float]) -> tuple[int, int]:
    """End or requeue every running job, in one transaction, but those that resume.

    They run on under a new fence. Return how many were lost and how many wait.
    """
    lost = requeued = 0
    left: list[Any] = db.execute(
        "SELECT no, on_loss, starts, retries, cancel FROM job INDEXED BY job_running"
        " WHERE state = 1"
    ).fetchall()
    db.execute("BEGIN IMMEDIATE")
    for no, on_loss, starts, retries, cancel in left:
        end = fate(
            ON_LOSS[on_loss],
            starts=starts,
            retries=retries,
            is_cancel_wished=bool(cancel),
        )
        if isinstance(end, OnLoss) and end.goes_on:
            db.execute("UPDATE job SET starts = starts + 1 WHERE no = ?", (no,))
        elif isinstance(end, OnLoss):
            requeued += 1
            db.execute("UPDATE job SET state = ? WHERE no = ?", (QUEUED, no))
        else:
            lost += end is LOST
            _end(db, no, end, clock())
    db.execute("COMMIT")
    return lost, requeued


def _end(db: apsw.Connection, no: int, outcome: Outcome, now: float) -> None:
    db.execute(
        "UPDATE job SET state = ?, ended_at = ?, outcome = ?, packets = ? WHERE no = ?",
        (ENDED, now, outcome_text(outcome), chunks.count(db, no), no),
    )
    beside.erase(db, no)
