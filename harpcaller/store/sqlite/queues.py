"""The operations on queues, each a step of an open transaction."""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import Any

from harpcaller.store import Claim, QueueHead, QueuePage
from harpcaller.store.admission import NO_QUEUE, key_of
from harpcaller.store.sqlite import jobs
from harpcaller.store.sqlite.ledger import Ledger
from harpcaller.store.sqlite.rows import ALL_WAITING, KINDS, id_of
from protocol.call import QueueSpec
from protocol.job import JobId
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, outcome_text

_END_WAITING = f"""UPDATE job
    SET state = 2, ended_at = ?, outcome = ?, packets = coalesce(
        (SELECT first + count FROM chunk WHERE job = job.no
         ORDER BY first DESC LIMIT 1), 0)
    WHERE no IN (SELECT no FROM {ALL_WAITING} WHERE queue = ?)
    RETURNING no, id, on_loss, beside"""  # noqa: S608 (constants)


def cancel_queue(ledger: Ledger, name: JsonText) -> tuple[JobId, ...]:
    """End all that waits in a queue, oldest first."""
    key = key_of(QueueSpec(name=name))
    ended: list[Any] = ledger.db.execute(
        _END_WAITING, (ledger.clock(), outcome_text(Cancelled()), key)
    ).fetchall()
    ended.sort()
    for no, blob, on_loss, has_beside in ended:
        ledger.changed[id_of(blob)] = None
        ledger.admission.drop(key, KINDS[on_loss])
        if has_beside:
            ledger.erase_beside(no)
    ledger.ended += len(ended)
    return tuple(id_of(blob) for _, blob, _, _ in ended)


def pause_queue(ledger: Ledger, name: JsonText, paused: bool) -> tuple[Claim, ...]:
    """Let a queue start nothing, or start what it may again."""
    key = key_of(QueueSpec(name=name))
    if paused:
        ledger.db.execute("INSERT OR IGNORE INTO pause VALUES (?, ?)", (key, name))
        ledger.admission.pause(key, name)
        return ()
    ledger.db.execute("DELETE FROM pause WHERE queue = ?", (key,))
    ledger.admission.resume(key)
    return jobs.take(ledger)


def page(ledger: Ledger, after: str | None, limit: int) -> QueuePage:
    """Return the next queues, in the order of their keys."""
    floor = NO_QUEUE if after is None else bytes.fromhex(after)
    admission = ledger.admission
    known = (k for k in admission.queues.keys() | admission.pauses.keys() if k > floor)
    keys = heapq.nsmallest(limit + 1, known)
    running: dict[bytes, list[JobId]] = defaultdict(list)
    for job in ledger.running.values():
        running[job.key].append(job.record.job_id)
    heads = tuple(_head(ledger, key, tuple(running[key])) for key in keys[:limit])
    return QueuePage(
        queues=heads, after=keys[limit - 1].hex() if len(keys) > limit else None
    )


def _head(ledger: Ledger, key: bytes, running: tuple[JobId, ...]) -> QueueHead:
    tally = ledger.admission.queues.get(key)
    pause = ledger.admission.pauses.get(key)
    name = pause if tally is None else tally.name
    assert name is not None  # noqa: S101 (only NO_QUEUE has none)
    return QueueHead(
        name=name,
        concurrency=0 if tally is None else tally.concurrency or 0,
        is_paused=pause is not None,
        running=running,
        queued=0 if tally is None else tally.queued,
    )
