"""The store of the tests: plain dictionaries, gone with the process.

Operations run in lots on a later tick of the loop, as they would in a commit, so
that nothing is seen before its write is done.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import trio

from harpcaller.store import (
    CancelResult,
    Claim,
    Fault,
    FedFilter,
    JobFilter,
    JobPage,
    LogPage,
    Lost,
    NewJob,
    OnLoss,
    Opened,
    QueueHead,
    QueuePage,
    StoreError,
    Submitted,
    Told,
    Unavailable,
)
from harpcaller.store.admission import NO_QUEUE, key_of
from harpcaller.store.memory.books import Books
from harpcaller.store.memory.kept import Kept
from harpcaller.store.write import Write
from protocol.call import QueueSpec
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

T = TypeVar("T")


class MemoryStore:
    """Keeps the contract of `Store`, but for the disk; it can be opened again."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._books = Books(clock)
        self._lot: list[tuple[Write[Any], Callable[..., Any], tuple[Any, ...]]] = []
        self._epochs = itertools.count(1)
        self._is_open = False
        self._token: trio.lowlevel.TrioToken

    # ── epoch ──
    async def open(self, name: str, max_running: int, max_queued: int) -> Opened:
        """See `Store.open`."""
        self._token = trio.lowlevel.current_trio_token()
        self._is_open = True
        claims, lost, requeued = self._books.recover(max_running, max_queued)
        await trio.lowlevel.checkpoint()
        return Opened(
            epoch=f"{name}-{next(self._epochs)}",
            claims=claims,
            lost=lost,
            requeued=requeued,
        )

    async def close(self) -> None:
        """See `Store.close`."""
        last: Write[None] = self._begin(lambda: None)
        self._is_open = False
        await last

    # ── jobs ──
    def submit(self, job: NewJob) -> Write[Submitted]:
        """See `Store.submit`."""
        return self._begin(self._books.submit, job)

    def set_room(self, max_running: int) -> Write[tuple[Claim, ...]]:
        """See `Store.set_room`."""
        return self._begin(self._books.set_room, max_running)

    def take(self) -> Write[tuple[Claim, ...]]:
        """See `Store.take`."""
        return self._begin(self._books.take)

    def append(
        self, claim: Claim, first: int, packets: Sequence[JsonText]
    ) -> Write[None]:
        """See `Store.append`."""
        return self._begin(self._books.append, claim, first, packets)

    def finish(
        self, claim: Claim, outcome: Outcome, first: int, last: Sequence[JsonText]
    ) -> Write[tuple[Claim, ...]]:
        """See `Store.finish`."""
        return self._begin(self._books.finish, claim, outcome, first, last)

    def feed(self, job_id: JobId, packets: Sequence[JsonText]) -> Write[int]:
        """See `Store.feed`."""
        return self._begin(self._books.feed, job_id, packets)

    def settle(self, job_id: JobId, outcome: Outcome) -> Write[bool]:
        """See `Store.settle`."""
        return self._begin(self._books.settle, job_id, outcome)

    def cancel(self, job_id: JobId) -> Write[CancelResult]:
        """See `Store.cancel`."""
        return self._begin(self._books.cancel, job_id)

    def cancel_queue(self, name: JsonText) -> Write[tuple[JobId, ...]]:
        """See `Store.cancel_queue`."""
        return self._begin(self._books.cancel_queue, name)

    def pause_queue(self, name: JsonText, *, paused: bool) -> Write[tuple[Claim, ...]]:
        """See `Store.pause_queue`."""
        return self._begin(self._books.pause_queue, name, paused)

    # ── documents ──
    def put_doc(self, job_id: JobId, name: str, body: bytes) -> Write[None]:
        """See `Store.put_doc`."""
        return self._begin(self._books.put_doc, job_id, name, body)

    async def get_doc(self, job_id: JobId, name: str) -> bytes | None:
        """See `Store.get_doc`."""
        job = self._books.jobs.get(job_id)
        return None if job is None else job.docs.get(name)

    def put_shared(self, space: str, name: str, body: bytes | None) -> Write[None]:
        """See `Store.put_shared`."""
        return self._begin(self._books.put_shared, space, name, body)

    async def get_shared(self, space: str, name: str) -> bytes | None:
        """See `Store.get_shared`."""
        return self._books.shared.get((space, name))

    async def list_shared(self, space: str) -> tuple[str, ...]:
        """See `Store.list_shared`."""
        return tuple(sorted(n for s, n in self._books.shared if s == space))

    # ── reading ──
    async def get(self, job_id: JobId) -> JobRecord | None:
        """See `Store.get`."""
        job = self._books.jobs.get(job_id)
        return None if job is None else job.record

    async def find(self, id_start: str, limit: int) -> Sequence[JobRecord]:
        """See `Store.find`."""
        digits = id_start.lower().replace("-", "")
        jobs = sorted(self._books.jobs)
        found = (job for job in jobs if job.replace("-", "").startswith(digits))
        return [self._books.jobs[job].record for job in itertools.islice(found, limit)]

    async def read_log(
        self, job_id: JobId, since: int, *, max_packets: int, max_bytes: int
    ) -> LogPage:
        """See `Store.read_log`."""
        job = self._books.jobs.get(job_id)
        log = [] if job is None else job.log[since : since + max(1, max_packets)]
        sizes = itertools.accumulate(map(len, log))
        count = sum(size <= max_bytes for size in sizes)
        return LogPage(first=since, packets=tuple(log[: max(1, count)]))

    async def jobs(self, where: JobFilter, after: str | None, limit: int) -> JobPage:
        """See `Store.jobs`."""
        listed = iter(self._books.jobs.values())
        if after is not None:  # the id of the last one; pruned, the list is over
            listed = itertools.dropwhile(lambda j: j.record.job_id != after, listed)
            next(listed, None)
        found = [job.record for job in listed if _matches(job, where)]
        return JobPage(
            jobs=tuple(found[:limit]),
            after=found[limit - 1].job_id if len(found) > limit else None,
        )

    async def fed(
        self, where: FedFilter, before: JobId | None, limit: int
    ) -> Sequence[JobId]:
        """See `Store.fed`."""
        listed = reversed(self._books.jobs.values())
        if before is not None:
            listed = itertools.dropwhile(lambda j: j.record.job_id != before, listed)
            next(listed, None)
        found = (job.record.job_id for job in listed if _is_fed(job, where))
        return list(itertools.islice(found, limit))

    async def queues(self, after: str | None, limit: int) -> QueuePage:
        """See `Store.queues`."""
        admission = self._books.admission
        floor = NO_QUEUE if after is None else bytes.fromhex(after)
        known = admission.queues.keys() | admission.pauses.keys()
        keys = heapq.nsmallest(limit + 1, (key for key in known if key > floor))
        return QueuePage(
            queues=tuple(map(self._head, keys[:limit])),
            after=keys[limit - 1].hex() if len(keys) > limit else None,
        )

    def _head(self, key: bytes) -> QueueHead:
        tally = self._books.admission.queues.get(key)
        pause = self._books.admission.pauses.get(key)
        name = pause if tally is None else tally.name
        assert name is not None  # noqa: S101 (only NO_QUEUE has none)
        return QueueHead(
            name=name,
            concurrency=0 if tally is None else tally.concurrency or 0,
            is_paused=pause is not None,
            running=tuple(
                job.record.job_id
                for job in self._books.jobs.values()
                if job.key == key and job.state is State.RUNNING
            ),
            queued=0 if tally is None else tally.queued,
        )

    async def counts(self) -> dict[State, int]:
        """See `Store.counts`."""
        states = [job.state for job in self._books.jobs.values()]
        return {state: states.count(state) for state in State}

    def probe(self) -> Write[None]:
        """See `Store.probe`."""
        return self._begin(lambda: None)

    # ── upkeep ──
    async def prunable(self, before: float, limit: int) -> Sequence[JobId]:
        """See `Store.prunable`."""
        return self._books.prunable(before, limit)

    def prune(self, before: float, limit: int) -> Write[int]:
        """See `Store.prune`."""
        return self._begin(self._books.prune, before, limit)

    def remove(self, job_id: JobId) -> Write[bool]:
        """See `Store.remove`."""
        return self._begin(self._books.remove, job_id)

    async def backup(self, path: Path, tell: Told | None = None) -> None:
        """Refuse: there is nothing on a disk.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(f"a store in memory cannot be copied to {path}")

    async def check(self) -> Sequence[Fault]:
        """See `Store.check`."""
        return ()

    # ── lots ──
    def _begin(self, act: Callable[..., T], *arguments: Any) -> Write[T]:
        write: Write[T] = Write()
        if not self._is_open:
            write.fail(Lost("the store is closed"))
            return write
        if not self._lot:
            self._token.run_sync_soon(self._commit)
        self._lot.append((write, act, arguments))
        return write

    def _commit(self) -> None:
        """Do all of a lot, then tell: a callback finds the whole lot done."""
        lot, self._lot = self._lot, []
        endings: list[tuple[Write[Any], Any, Exception | None]] = []
        for write, act, arguments in lot:
            try:
                endings.append((write, act(*arguments), None))
            except (StoreError, ValueError) as error:
                endings.append((write, None, error))
        for write, result, failure in endings:
            if failure is None:
                write.succeed(result)
            else:
                write.fail(failure)


def _is_fed(job: Kept, where: FedFilter) -> bool:
    record = job.record
    asked = [(where.identity, record.identity), (where.label, record.label)]
    return (
        job.new.on_loss is OnLoss.FED
        and record.host == where.host
        and all(wanted is None or wanted == found for wanted, found in asked)
    )


def _matches(job: Kept, where: JobFilter) -> bool:
    record = job.record
    asked: list[tuple[object, object]] = [
        (where.state, record.state),
        (where.host, record.host),
        (where.procedure, record.procedure),
        (where.label, record.label),
        (where.parent, job.new.parent),
    ]
    if where.queue is not None:
        asked.append((key_of(QueueSpec(name=where.queue)), job.key))
    if where.submitted_before is not None:
        asked.append((True, record.submitted_at < where.submitted_before))
    if where.submitted_after is not None:
        asked.append((True, record.submitted_at > where.submitted_after))
    if where.id_part is not None:
        digits = where.id_part.lower().replace("-", "")
        asked.append((True, digits in record.job_id.replace("-", "")))
    return all(wanted is None or wanted == found for wanted, found in asked)
