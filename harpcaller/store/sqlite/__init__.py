"""The SQLite engine: one writing thread, one read-only connection on the loop."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import trio

from harpcaller.meters import CommitMeters
from harpcaller.store import (
    CancelResult,
    Claim,
    Fault,
    FedFilter,
    JobFilter,
    JobPage,
    LogPage,
    NewJob,
    Opened,
    QueuePage,
    Submitted,
    Told,
    Unavailable,
)
from harpcaller.store.sqlite import (
    backup,
    docs,
    jobs,
    queues,
    recovery,
    schema,
    upkeep,
)
from harpcaller.store.sqlite.cache import RecordCache
from harpcaller.store.sqlite.directory import InUse, take_directory
from harpcaller.store.sqlite.ledger import Ledger, News
from harpcaller.store.sqlite.reader import Reader
from harpcaller.store.sqlite.reserve import Reserve
from harpcaller.store.sqlite.schema import TooNew
from harpcaller.store.sqlite.writer import Writer
from harpcaller.store.write import Write
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

__all__ = ["InUse", "SqliteStore", "TooNew"]

RESERVE_BYTES = 16 * 1024 * 1024
_CACHED_RECORDS = 20_000
_CACHED_BYTES = 32 * 1024 * 1024


class SqliteStore:
    """A store in a directory that belongs to this process alone; see `Store`.

    `on_failure` is called once, on the loop, when the disk has failed: from then on
    every write fails with `Unavailable`, and only a new start helps.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], float] = time.time,
        reserve_bytes: int = RESERVE_BYTES,
        on_failure: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._reserve = Reserve(directory / "reserve", reserve_bytes)
        self._writer = Writer(self._reserve, self._hear, on_failure)
        self._cache = RecordCache(max_records=_CACHED_RECORDS, max_bytes=_CACHED_BYTES)
        self._counts: dict[State, int] = {}

    @property
    def meters(self) -> CommitMeters:
        """What was counted of its commits."""
        return self._writer.meters

    # ── epoch ──
    async def open(self, name: str, max_running: int, max_queued: int) -> Opened:
        """Take the directory, migrate, and recover; see `Store.open`.

        Raises:
            InUse: another process has the directory.
            TooNew: a newer program wrote the store.
            Unavailable: what is there is no store, or the disk is broken, or full and
                without a reserve.
        """
        with trio.CancelScope(shield=True):  # a thread's work is not left half done
            opened = await trio.to_thread.run_sync(
                self._recover, name, max_running, max_queued
            )
        self._hear(self._ledger.take_news())
        self._reader = Reader(schema.open_reader(self._directory))
        self._writer.start(self._ledger)
        return opened

    async def close(self) -> None:
        """Let go of the directory once all that was begun is durable."""
        thread = self._writer.stop()
        with trio.CancelScope(shield=True):
            # Results that are still on their way come before the thread's end.
            await trio.to_thread.run_sync(thread.join)
            self._reader.close()
            await trio.to_thread.run_sync(self._let_go)

    # ── jobs ──
    def submit(self, job: NewJob) -> Write[Submitted]:
        """See `Store.submit`."""
        return self._writer.begin(jobs.submit, job)

    def set_room(self, max_running: int) -> Write[tuple[Claim, ...]]:
        """See `Store.set_room`."""
        return self._writer.begin(jobs.set_room, max_running)

    def take(self) -> Write[tuple[Claim, ...]]:
        """See `Store.take`."""
        return self._writer.begin(jobs.take)

    def append(
        self, claim: Claim, first: int, packets: Sequence[JsonText]
    ) -> Write[None]:
        """See `Store.append`."""
        return self._writer.begin(jobs.append, claim, first, packets)

    def finish(
        self, claim: Claim, outcome: Outcome, first: int, last: Sequence[JsonText]
    ) -> Write[tuple[Claim, ...]]:
        """See `Store.finish`."""
        return self._writer.begin(jobs.finish, claim, outcome, first, last)

    def feed(self, job_id: JobId, packets: Sequence[JsonText]) -> Write[int]:
        """See `Store.feed`."""
        return self._writer.begin(jobs.feed, job_id, packets)

    def settle(self, job_id: JobId, outcome: Outcome) -> Write[bool]:
        """See `Store.settle`."""
        return self._writer.begin(jobs.settle, job_id, outcome)

    def cancel(self, job_id: JobId) -> Write[CancelResult]:
        """See `Store.cancel`."""
        return self._writer.begin(jobs.cancel, job_id)

    def cancel_queue(self, name: JsonText) -> Write[tuple[JobId, ...]]:
        """See `Store.cancel_queue`."""
        return self._writer.begin(queues.cancel_queue, name)

    def pause_queue(self, name: JsonText, *, paused: bool) -> Write[tuple[Claim, ...]]:
        """See `Store.pause_queue`."""
        return self._writer.begin(queues.pause_queue, name, paused)

    # ── documents ──
    def put_doc(self, job_id: JobId, name: str, body: bytes) -> Write[None]:
        """See `Store.put_doc`."""
        return self._writer.begin(docs.put_doc, job_id, name, body)

    async def get_doc(self, job_id: JobId, name: str) -> bytes | None:
        """See `Store.get_doc`."""
        return self._reader.get_doc(job_id, name)

    def put_shared(self, space: str, name: str, body: bytes | None) -> Write[None]:
        """See `Store.put_shared`."""
        return self._writer.begin(docs.put_shared, space, name, body)

    async def get_shared(self, space: str, name: str) -> bytes | None:
        """See `Store.get_shared`."""
        return self._reader.get_shared(space, name)

    async def list_shared(self, space: str) -> tuple[str, ...]:
        """See `Store.list_shared`."""
        return self._reader.list_shared(space)

    # ── reading ──
    async def get(self, job_id: JobId) -> JobRecord | None:
        """See `Store.get`."""
        record = self._cache.get(job_id)
        if record is None:
            record = self._reader.get(job_id)
            if record is not None:
                self._cache.put(record)
        return record

    async def find(self, id_start: str, limit: int) -> Sequence[JobRecord]:
        """See `Store.find`."""
        return self._reader.find(id_start, limit)

    async def read_log(
        self, job_id: JobId, since: int, *, max_packets: int, max_bytes: int
    ) -> LogPage:
        """See `Store.read_log`."""
        return self._reader.read_log(
            job_id, since, max_packets=max_packets, max_bytes=max_bytes
        )

    async def jobs(self, where: JobFilter, after: str | None, limit: int) -> JobPage:
        """See `Store.jobs`."""
        return await self._reader.jobs(where, after, limit)

    async def fed(
        self, where: FedFilter, before: JobId | None, limit: int
    ) -> Sequence[JobId]:
        """See `Store.fed`."""
        return self._reader.fed(where, before, limit)

    async def queues(self, after: str | None, limit: int) -> QueuePage:
        """See `Store.queues`."""
        return await self._writer.begin(queues.page, after, limit)

    async def counts(self) -> dict[State, int]:
        """See `Store.counts`."""
        return dict(self._counts)

    def probe(self) -> Write[None]:
        """See `Store.probe`."""
        return self._writer.begin(upkeep.probe)

    # ── upkeep ──
    async def prunable(self, before: float, limit: int) -> Sequence[JobId]:
        """See `Store.prunable`."""
        return await self._writer.begin(upkeep.prunable, before, limit)

    def prune(self, before: float, limit: int) -> Write[int]:
        """See `Store.prune`."""
        return self._writer.begin(upkeep.prune, before, limit)

    def remove(self, job_id: JobId) -> Write[bool]:
        """See `Store.remove`."""
        return self._writer.begin(upkeep.remove, job_id)

    async def backup(self, path: Path, tell: Told | None = None) -> None:
        """See `Store.backup`."""
        await backup.back_up(self._directory, path, tell)

    async def check(self) -> Sequence[Fault]:
        """See `Store.check`."""
        return await trio.to_thread.run_sync(upkeep.check_file, self._directory)

    # ── in a thread ──
    def _recover(self, name: str, max_running: int, max_queued: int) -> Opened:
        self._lock = take_directory(self._directory)
        try:
            db, lost, requeued = self._open_tables()
            self._ledger = Ledger(
                db, clock=self._clock, max_running=max_running, max_queued=max_queued
            )
        except apsw.Error as error:
            os.close(self._lock)
            raise Unavailable(f"{self._directory}: {error}") from error
        except BaseException:
            os.close(self._lock)
            raise
        return Opened(
            epoch=f"{name}-{secrets.token_hex(4)}",
            claims=tuple(map(self._ledger.claim, self._ledger.running)),
            lost=lost,
            requeued=requeued,
        )

    def _open_tables(self) -> tuple[apsw.Connection, int, int]:
        """Open the file and recover; return how many jobs were lost and requeued."""
        with contextlib.suppress(apsw.FullError):
            return self._try_to_open()
        # Recovery has to write, and on a full disk the reserve is all there is.
        self._reserve.release()
        return self._try_to_open()

    def _try_to_open(self) -> tuple[apsw.Connection, int, int]:
        db = schema.open_writer(self._directory)
        try:
            return db, *recovery.bury(db, self._clock)
        except BaseException:
            db.close()
            raise

    def _let_go(self) -> None:
        # Closing also tidies up; on a broken disk that is left to the next start.
        with contextlib.suppress(apsw.Error):
            self._ledger.db.close()
        os.close(self._lock)

    # ── on the loop ──
    def _hear(self, news: News) -> None:
        self._counts = news.counts
        for job_id, record in news.jobs.items():
            if record is None:
                self._cache.forget(job_id)
            else:
                self._cache.put(record)
