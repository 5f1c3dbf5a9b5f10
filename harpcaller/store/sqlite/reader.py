"""Reading on the loop's thread, through a connection that cannot write.

Every statement is read to its end or closed at once: an open one would keep the
write-ahead log from being reused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import apsw
import trio

from harpcaller.store import FedFilter, JobFilter, JobPage, LogPage, Unavailable
from harpcaller.store.admission import key_of
from harpcaller.store.sqlite import chunks
from harpcaller.store.sqlite.rows import (
    ALL_WAITING,
    RECORD,
    STATES,
    blob_of,
    id_of,
    record_of,
)
from protocol.call import QueueSpec
from protocol.job import JobId, JobRecord, State

P = ParamSpec("P")
T = TypeVar("T")

_ID_DIGITS = 32
_NEWEST = 2**63 - 1  # no number is larger
_SLICE = 5000  # rows looked at before others may run: some ten milliseconds
_GROWTH = 4  # a slice that was not enough is followed by one so many times as long


def _told(read: Callable[P, T]) -> Callable[P, T]:
    """Have damaged tables and a failing disk told in the words of the interface."""

    @wraps(read)
    def told(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except apsw.Error as error:
            raise Unavailable(f"the tables cannot be read: {error}") from error

    return told


class Reader:
    """Answers from the tables what memory does not know."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @_told
    def get(self, job_id: JobId) -> JobRecord | None:
        """Return what is known of a job."""
        row = self._db.execute(
            f"SELECT {RECORD} FROM job WHERE id = ?",  # noqa: S608 (constants)
            (blob_of(job_id),),
        ).get
        return None if row is None else record_of(row)

    @_told
    def find(self, id_start: str, limit: int) -> Sequence[JobRecord]:
        """Return jobs whose ids begin so: a range of the index."""
        digits = id_start.replace("-", "")
        if len(digits) > _ID_DIGITS:
            return ()
        first, last = (bytes.fromhex(digits.ljust(_ID_DIGITS, end)) for end in "0f")
        rows: list[Any] = self._db.execute(
            f"SELECT {RECORD} FROM job INDEXED BY job_by_id"  # noqa: S608 (constants)
            " WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            (first, last, limit),
        ).fetchall()
        return [record_of(row) for row in rows]

    @_told
    def read_log(
        self, job_id: JobId, since: int, *, max_packets: int, max_bytes: int
    ) -> LogPage:
        """Return the packets from number `since` on."""
        no = self._number(job_id)
        if no is None:
            return LogPage(first=since, packets=())
        return chunks.page(
            self._db, no, since, max_packets=max_packets, max_bytes=max_bytes
        )

    async def jobs(self, where: JobFilter, after: str | None, limit: int) -> JobPage:
        """Return one page of the jobs that match; others run while it looks."""
        conditions, values = _conditions(where)
        source, indexed, key = _source(where)
        found: list[tuple[int, JobRecord]] = []
        last = 0 if after is None else int(after)
        length = limit + 1  # most often all of them match
        while len(found) <= limit:
            end = self._end_of_slice(
                f"{source} WHERE no > ?{indexed}", (last, *key, min(length, _SLICE))
            )
            if end is None:
                break
            length *= _GROWTH
            found += self._rows(
                f"{source} WHERE no > ? AND no <= ?{conditions}",
                (last, end, *values, limit + 1 - len(found)),
            )
            last = end
            await trio.lowlevel.checkpoint()
        more = len(found) > limit
        return JobPage(
            jobs=tuple(record for _, record in found[:limit]),
            after=str(found[limit - 1][0]) if more else None,
        )

    @_told
    def fed(
        self, where: FedFilter, before: JobId | None, limit: int
    ) -> Sequence[JobId]:
        """Return jobs that are fed, the newest first: a range of an index."""
        last = _NEWEST if before is None else self._number(before)
        source, values = _fed_source(where)
        rows = self._db.execute(
            f"SELECT id FROM {source} AND no < ? ORDER BY no DESC LIMIT ?",  # noqa: S608 (constants)
            (*values, last, limit),
        )
        return [id_of(blob) for (blob,) in rows]

    @_told
    def _end_of_slice(self, where: str, values: Sequence[object]) -> int | None:
        end: int | None = self._db.execute(
            f"SELECT max(no) FROM (SELECT no FROM {where} ORDER BY no LIMIT ?)",  # noqa: S608 (constants)
            values,
        ).get
        return end

    @_told
    def _rows(
        self, where: str, values: Sequence[object]
    ) -> list[tuple[int, JobRecord]]:
        rows: list[Any] = self._db.execute(
            f"SELECT no, {RECORD} FROM {where} ORDER BY no LIMIT ?",  # noqa: S608 (constants)
            values,
        ).fetchall()
        return [(no, record_of(row)) for no, *row in rows]

    @_told
    def get_doc(self, job_id: JobId, name: str) -> bytes | None:
        """Return a document beside a job."""
        body: bytes | None = self._db.execute(
            "SELECT body FROM doc WHERE name = ?2"
            " AND job = (SELECT no FROM job WHERE id = ?1)",
            (blob_of(job_id), name),
        ).get
        return body

    @_told
    def get_shared(self, space: str, name: str) -> bytes | None:
        """Return a document of a space."""
        body: bytes | None = self._db.execute(
            "SELECT body FROM shared WHERE space = ? AND name = ?", (space, name)
        ).get
        return body

    @_told
    def list_shared(self, space: str) -> tuple[str, ...]:
        """Return the names in a space, sorted."""
        rows = self._db.execute(
            "SELECT name FROM shared WHERE space = ? ORDER BY name", (space,)
        )
        return tuple(name for (name,) in rows)

    def _number(self, job_id: JobId) -> int | None:
        no: int | None = self._db.execute(
            "SELECT no FROM job WHERE id = ?", (blob_of(job_id),)
        ).get
        return no


def _conditions(where: JobFilter) -> tuple[str, list[object]]:
    """Return what follows the range of numbers in WHERE, and its values."""
    queue = None
    if where.queue is not None:
        queue = key_of(QueueSpec(name=where.queue))
    asked: list[tuple[str, object]] = [
        ("host = ?", where.host),
        ("procedure = ?", where.procedure),
        ("queue = ?", queue),
        ("label = ?", where.label),
        ("parent = ?", None if where.parent is None else blob_of(where.parent)),
        ("submitted_at < ?", where.submitted_before),
        ("submitted_at > ?", where.submitted_after),
        ("instr(lower(hex(id)), ?)", _hex_digits(where.id_part)),
    ]
    asked = [(condition, value) for condition, value in asked if value is not None]
    text = "".join(f" AND {condition}" for condition, _ in asked)
    if where.state is not None:  # spelt out: the indexes want a constant
        text += f" AND state = {STATES.index(where.state)}"
    return text, [value for _, value in asked]


def _fed_source(where: FedFilter) -> tuple[str, list[object]]:
    """Return where to look for fed jobs: an index, what it serves, and the values."""
    index, asked = "job_fed", {"host": where.host}
    if where.identity is not None:
        index, asked["identity"] = "job_fed_by_identity", where.identity
    if where.label is not None:
        index, asked["label"] = "job_fed_by_label", where.label
    text = "".join(f" AND {column} = ?" for column in asked)
    return f"job INDEXED BY {index} WHERE on_loss = 3{text}", [*asked.values()]


def _hex_digits(id_part: str | None) -> str | None:
    return None if id_part is None else id_part.lower().replace("-", "")


def _source(where: JobFilter) -> tuple[str, str, tuple[object, ...]]:
    """Return where to look: by an index, the condition that it serves, and its value.

    Left alone, the planner goes through all rows for the sake of their order.
    """
    if where.parent is not None:
        return (
            "job INDEXED BY job_by_parent",
            " AND parent = ?",
            (blob_of(where.parent),),
        )
    if where.state is State.QUEUED and where.queue is not None:
        key = key_of(QueueSpec(name=where.queue))
        return f"{ALL_WAITING} AS job", " AND queue = ?", (key,)
    if where.state is State.QUEUED:
        return "job INDEXED BY job_queued", " AND state = 0", ()
    if where.state is State.RUNNING:
        return "job INDEXED BY job_running", " AND state = 1", ()
    return "job NOT INDEXED", "", ()
