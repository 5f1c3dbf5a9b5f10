"""The writer's books: the open transaction, the running jobs, the queues in counts.

One thread owns a ledger. What it holds in memory mirrors the tables and can be
read from them again; it grows with what runs and with the queues, never with what
is stored or waits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import apsw
import attrs

from harpcaller.store import Claim
from harpcaller.store.admission import Admission, Kind
from harpcaller.store.sqlite import beside, chunks
from harpcaller.store.sqlite.rows import (
    ENDED,
    KINDS,
    ON_LOSS,
    RECORD,
    RUNNING,
    WAITING,
    id_of,
    record_of,
)
from protocol.call import QueueSpec
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Outcome, outcome_text

_RUNNING = f"no, queue, on_loss, beside, {RECORD}"
_OLDEST: dict[Kind, str] = {
    kind: f"(SELECT no FROM {waiting} AND queue = ?2 ORDER BY no LIMIT 1)"  # noqa: S608 (constants)
    for kind, waiting in WAITING.items()
}
_START = f"""UPDATE job
    SET state = {RUNNING}, starts = starts + 1, started_at = coalesce(started_at, ?1)
    WHERE no = {{}} RETURNING {_RUNNING}"""  # noqa: S608 (constants)
_STARTS: dict[tuple[Kind, ...], str] = {
    **{(kind,): _START.format(oldest) for kind, oldest in _OLDEST.items()},
    tuple(WAITING): _START.format(f"min({', '.join(_OLDEST.values())})"),
}
_QUEUES = " UNION ALL ".join(
    f"SELECT {kind:d}, queue, count(*), min(no) FROM {waiting} GROUP BY queue"  # noqa: S608 (constants)
    for kind, waiting in WAITING.items()
)
_END = f"""UPDATE job SET state = {ENDED}, ended_at = ?, outcome = ?, packets = ?
    WHERE no = ?"""  # noqa: S608 (constants)

_COLUMNS = """no, id, state, queue, slots, submitted_at, started_at, starts, on_loss,
    retries, timeout_s, max_exec_s, host, procedure, identity, key, digest, parent,
    label, queue_name, arguments, info"""
_ROW = f"({', '.join('?' * len(_COLUMNS.split(',')))})"
# Rows of one statement. Each statement lets the loop's thread in, and has to wait
# for its turn afterwards: that costs more than the rows.
_INSERTS = {
    rows: f"INSERT INTO job ({_COLUMNS}) VALUES {', '.join([_ROW] * rows)}"  # noqa: S608 (constants)
    for rows in (64, 8, 1)
}


@attrs.define(kw_only=True)
class Running:
    """A running job; `has_beside` if something is to be erased when it ends."""

    no: int
    key: bytes
    kind: Kind
    record: JobRecord
    has_beside: bool


@attrs.frozen(kw_only=True)
class News:
    """What a commit changed: jobs, None where the tables know more, and the counts."""

    jobs: dict[JobId, JobRecord | None]
    counts: dict[State, int]


class Ledger:
    """Everything that an operation on the store reads and changes."""

    def __init__(
        self,
        db: apsw.Connection,
        *,
        clock: Callable[[], float],
        max_running: int,
        max_queued: int,
    ) -> None:
        self._db = db
        self._new_rows: list[tuple[Any, ...]] = []
        self.is_doubtful = False
        """A lot has broken: ids that should be new are looked up before."""
        self.has_erased = False
        """Something was erased since somebody last looked here."""
        self.clock = clock
        self._limits = (max_running, max_queued)
        self._news: dict[JobId, JobRecord | None] = {}
        self._ended = db.execute("SELECT count(*) FROM job WHERE state = 2").get
        self.rebuild()

    @property
    def db(self) -> apsw.Connection:
        """The connection, with every new job's row written."""
        if self._new_rows:
            self._write_rows()
        return self._db

    def insert(self, row: tuple[Any, ...]) -> None:
        """Write the row of a new job, together with others, before anything else."""
        self._new_rows.append(row)

    def _write_rows(self) -> None:
        rows, self._new_rows = self._new_rows, []
        at = 0
        for size, statement in _INSERTS.items():
            while len(rows) - at >= size:
                values = itertools.chain.from_iterable(rows[at : at + size])
                self._db.execute(statement, tuple(values))
                at += size

    def roll_back(self) -> None:
        """Make tables and books what they were before the open transaction."""
        self._new_rows.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self.rebuild()

    def rebuild(self) -> None:
        """Read from the tables what memory holds: at the start, after a rollback.

        What was settled before stays news.
        """
        running, queued = self._limits
        self.admission = Admission(max_running=running, max_queued=queued)
        self.running: dict[JobId, Running] = {}
        self.changed: dict[JobId, JobRecord | None] = {}
        one = self.db.execute
        self.ended: int = (
            self._ended
        )  # to count them takes the longer the more there are
        self.next_no = (one("SELECT max(no) FROM job").get or 0) + 1
        self._rebuild_queues()
        for row in one(
            f"SELECT {_RUNNING} FROM job INDEXED BY job_running"  # noqa: S608 (constants)
            " WHERE state = 1 ORDER BY no"
        ):
            known = _running_of(row)
            self.running[known.record.job_id] = known
            self.admission.restore(
                known.key, known.record.queue, known.kind, running=1, queued=0
            )

    def _rebuild_queues(self) -> None:
        for key, name in self.db.execute("SELECT queue, name FROM pause"):
            self.admission.pause(key, name)
        # The queue with the oldest job has the first turn.
        for kind, key, queued, no in self.db.execute(f"{_QUEUES} ORDER BY 4"):
            name, slots = self.db.execute(
                "SELECT queue_name, slots FROM job WHERE no = ?", (no,)
            ).get
            spec = None if name is None else QueueSpec(name=name, concurrency=slots)
            self.admission.restore(key, spec, Kind(kind), running=0, queued=queued)

    def set_room(self, max_running: int) -> None:
        """Let at most so many jobs run from now on."""
        self._limits = (max_running, self._limits[1])
        self.admission.max_running = max_running

    def settle(self) -> None:
        """Note what the transaction changed that was just committed."""
        self._news.update(self.changed)
        self.changed = {}
        self._ended = self.ended

    def take_news(self) -> News:
        """Return what commits have changed since the last time."""
        jobs, self._news = self._news, {}
        counts = {
            State.QUEUED: self.admission.queued,
            State.RUNNING: self.admission.running,
            State.ENDED: self.ended,
        }
        return News(jobs=jobs, counts=counts)

    def start_oldest(self, key: bytes, kinds: tuple[Kind, ...]) -> Claim:
        """Start the job of these kinds that waits longest in a queue."""
        row = self.db.execute(_STARTS[kinds], (self.clock(), key)).get
        running = _running_of(row)
        self.admission.start(key, running.kind)
        job_id = running.record.job_id
        self.running[job_id] = running
        self.changed[job_id] = running.record
        return self.claim(job_id)

    def claim(self, job_id: JobId) -> Claim:
        """Return the right to run a running job, with what was sealed."""
        running = self.running[job_id]
        on_loss, owner, cancel, parent = self.db.execute(
            "SELECT on_loss, owner, cancel, parent FROM job WHERE no = ?",
            (running.no,),
        ).get
        return Claim(
            record=running.record,
            fence=running.record.starts,
            sealed=beside.open_sealed(self.db, owner, running.no),
            on_loss=ON_LOSS[on_loss],
            is_cancel_wished=bool(cancel),
            parent=None if parent is None else id_of(parent),
        )

    def end_running(self, running: Running, outcome: Outcome) -> None:
        """End a running job: its slot is free, what lay beside it is gone."""
        job_id = running.record.job_id
        self._end(running.no, running.record, outcome, has_beside=running.has_beside)
        self.admission.end(running.key, running.kind)
        del self.running[job_id]

    def end_queued(self, no: int, outcome: Outcome) -> None:
        """End job `no`, which waits."""
        key, on_loss, has_beside, *row = self.db.execute(
            f"SELECT queue, on_loss, beside, {RECORD} FROM job"  # noqa: S608 (constants)
            " WHERE no = ?",
            (no,),
        ).get
        self._end(no, record_of(row), outcome, has_beside=bool(has_beside))
        self.admission.drop(key, KINDS[on_loss])

    def add_packets(
        self, running: Running, first: int, packets: Sequence[JsonText]
    ) -> None:
        """Add to the log of a running job what it does not hold yet.

        Raises:
            ValueError: a packet before `first` is missing; a bug of the caller's.
        """
        held = running.record.packets
        if first > held:
            raise ValueError(f"packet {first} of a log that ends before {held}")
        fresh = packets[held - first :]
        if fresh:
            chunks.add(self.db, running.no, held, fresh)
            running.record = attrs.evolve(running.record, packets=held + len(fresh))
            self.changed[running.record.job_id] = running.record

    def erase_beside(self, no: int) -> None:
        """Remove what goes when job `no` ends."""
        beside.erase(self.db, no)
        self.has_erased = True

    def mark_beside(self, no: int) -> None:
        """Remember that something is to be erased when job `no` ends."""
        marked = self.db.execute(
            "UPDATE job SET beside = 1 WHERE no = ? RETURNING id", (no,)
        ).get
        running = self.running.get(id_of(marked))
        if running is not None:
            running.has_beside = True

    def _end(
        self, no: int, record: JobRecord, outcome: Outcome, *, has_beside: bool
    ) -> None:
        now = self.clock()
        self.db.execute(_END, (now, outcome_text(outcome), record.packets, no))
        if has_beside:
            self.erase_beside(no)
        self.ended += 1
        self.changed[record.job_id] = attrs.evolve(
            record, state=State.ENDED, ended_at=now, outcome=outcome
        )


def _running_of(row: Any) -> Running:
    """Return the job that a row with the columns of `_RUNNING` tells of."""
    no, key, on_loss, has_beside, *record = row
    return Running(
        no=no,
        key=key,
        kind=KINDS[on_loss],
        record=record_of(record),
        has_beside=bool(has_beside),
    )
