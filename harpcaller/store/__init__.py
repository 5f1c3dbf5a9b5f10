"""What is told is kept here: the one interface that every engine implements.

The store owns the queues: who may run is decided inside its transactions, by the
rule in `admission.py`. Nothing of an engine (rows, cursors, SQL) leaks out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

import attrs

from harpcaller.store.errors import (
    Fenced,
    Full,
    KeyConflict,
    Lost,
    StoreError,
    TooManyQueued,
    Unavailable,
)
from harpcaller.store.pages import (
    FedFilter,
    JobFilter,
    JobPage,
    LogPage,
    QueueHead,
    QueuePage,
)
from harpcaller.store.write import Write
from protocol.call import Call, Sealed
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

__all__ = [
    "CancelResult",
    "Claim",
    "Fault",
    "FedFilter",
    "Fenced",
    "Full",
    "JobFilter",
    "JobPage",
    "KeyConflict",
    "LogPage",
    "Lost",
    "NewJob",
    "OnLoss",
    "Opened",
    "QueueHead",
    "QueuePage",
    "Store",
    "StoreError",
    "Submitted",
    "Told",
    "TooManyQueued",
    "Unavailable",
    "Write",
]


class OnLoss(StrEnum):
    """What becomes of a running job whose dispatcher is gone."""

    END = "end"  # it ends as missing_result; a call with `retries` means RETRY
    RETRY = "retry"  # it waits at its old place while starts remain
    RESUME = "resume"  # it runs on, under a new fence
    FED = "fed"  # so does this: nobody runs it, and it needs nobody's room

    @property
    def goes_on(self) -> bool:
        """Tell whether the job is none the worse for it."""
        return self in {OnLoss.RESUME, OnLoss.FED}


@attrs.frozen(kw_only=True)
class NewJob:
    """A call with its id, made by the caller, and its effective limits."""

    job_id: JobId
    call: Call
    timeout_s: float
    max_exec_s: float
    identity: str = ""  # owns the key
    parent: JobId | None = None
    label: str | None = None  # free text of an adapter's, for lists
    on_loss: OnLoss = OnLoss.END


@attrs.frozen(kw_only=True)
class Claim:
    """The right to run one job now; every write on a running job carries it.

    A later start of the same job has a higher `fence`. `sealed` are the values to
    put back into the arguments for the worker alone. `is_cancel_wished` tells of a
    job that goes on after a restart: it was cancelled, and has not ended so yet.
    `parent` is the job that submitted it, if one did.
    """

    record: JobRecord
    fence: int
    sealed: tuple[Sealed, ...] = attrs.field(default=(), repr=False)
    on_loss: OnLoss = OnLoss.END
    is_cancel_wished: bool = False
    parent: JobId | None = None

    @property
    def job_id(self) -> JobId:
        """The job that may run."""
        return self.record.job_id


@attrs.frozen(kw_only=True)
class Submitted:
    """The job that stands for the call, and what may run since it came.

    With `is_duplicate` the id is the one of an earlier call with the same key.
    """

    job_id: JobId
    is_duplicate: bool = False
    claims: tuple[Claim, ...] = ()


@attrs.frozen(kw_only=True)
class Opened:
    """What recovery found: jobs that go on, and how many ended or wait again."""

    epoch: str
    claims: tuple[Claim, ...] = ()
    lost: int = 0
    requeued: int = 0


class CancelResult(StrEnum):
    """What a cancel met."""

    CANCELLED = "cancelled"  # it was queued; it has ended now
    REQUESTED = "requested"  # it runs; its owner has to end it
    FINISHED = "finished"  # it had ended before
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Fault:
    """Damage that a check found, and the job it touches, if one."""

    message: str
    job_id: JobId | None = None


Told: TypeAlias = Callable[[int, int], Awaitable[None]]
"""What hears how much is done, and of how much."""


class Store(Protocol):
    """Jobs, queues and a stream log per job.

    A method that returns a `Write` has begun when it returns, in the order of calls;
    awaiting it gives its result once durable, in one commit with whatever else waits.
    Any may fail with `Unavailable`. Times are UTC seconds by the store's clock.
    Readers see every write whose await returned.
    """

    # ── epoch ──
    async def open(self, name: str, max_running: int, max_queued: int) -> Opened:
        """Begin a new epoch: migrate, bury what an earlier one left running.

        At most `max_running` jobs that are to `RESUME`, and as many others, will be
        claimed at a time: a parent leaves its children the room that they need.
        """

    async def close(self) -> None:
        """End the epoch once all writes that have begun are durable."""

    # ── jobs ──
    def submit(self, job: NewJob) -> Write[Submitted]:
        """Keep a call; claim it at once where its queue and the epoch have room.

        Idempotent by `job_id`, and by (identity, host, key).

        Raises:
            KeyConflict: the key stands for another call.
            TooManyQueued: it would have to wait, and too many do.
            Full: the disk is.
        """

    def set_room(self, max_running: int) -> Write[tuple[Claim, ...]]:
        """Claim at most so many of each kind from now on (0: none); claim what fits."""

    def take(self) -> Write[tuple[Claim, ...]]:
        """Claim what may run: of each queue the oldest with room, up to all limits."""

    def append(
        self, claim: Claim, first: int, packets: Sequence[JsonText]
    ) -> Write[None]:
        """Add packets `first`, `first` + 1, … to the log of a running job.

        Appending the same numbers again changes nothing.

        Raises:
            Fenced: the claim is over.
            Full: the disk is.
        """

    def finish(
        self, claim: Claim, outcome: Outcome, first: int, last: Sequence[JsonText]
    ) -> Write[tuple[Claim, ...]]:
        """End a running job with its last packets; claim what may run instead.

        Repeating it with the same claim changes nothing. Without packets it uses
        the reserve, so that an end fits on a full disk.

        Raises:
            Fenced: the claim is over.
            Full: the disk is, for the packets; nothing was written.
        """

    def feed(self, job_id: JobId, packets: Sequence[JsonText]) -> Write[int]:
        """Add packets to a job that nobody runs; return the first one's number.

        Raises:
            Fenced: the job does not run.
            Full: the disk is.
        """

    def settle(self, job_id: JobId, outcome: Outcome) -> Write[bool]:
        """End a job that nobody runs; False where it had ended: the first wins.

        Its slot, if it had one, is given away by the next `take`.
        """

    def cancel(self, job_id: JobId) -> Write[CancelResult]:
        """End a queued job; note the wish for a running one, durably.

        A running job whose wish is noted ends as Cancelled in a recovery; one that
        resumes is claimed again with the wish.
        """

    def cancel_queue(self, name: JsonText) -> Write[tuple[JobId, ...]]:
        """End all queued jobs of a queue in one step; return their ids."""

    def pause_queue(self, name: JsonText, *, paused: bool) -> Write[tuple[Claim, ...]]:
        """Stop or resume starting jobs of a queue; the pause outlives the queue."""

    # ── beside a job, erased when it has ended; and shared documents ──
    def put_doc(self, job_id: JobId, name: str, body: bytes) -> Write[None]:
        """Keep a document beside a job that has not ended.

        Raises:
            Fenced: the job has ended or never was.
            Full: the disk is.
        """

    async def get_doc(self, job_id: JobId, name: str) -> bytes | None:
        """Return the document, if there is one."""

    def put_shared(self, space: str, name: str, body: bytes | None) -> Write[None]:
        """Keep, replace or (with None) remove a document of a space."""

    async def get_shared(self, space: str, name: str) -> bytes | None:
        """Return the document, if there is one."""

    async def list_shared(self, space: str) -> tuple[str, ...]:
        """Return the names in a space, sorted."""

    # ── reading ──
    async def get(self, job_id: JobId) -> JobRecord | None:
        """Return what is known of a job."""

    async def find(self, id_start: str, limit: int) -> Sequence[JobRecord]:
        """Return up to `limit` jobs whose ids begin with hex digits, by their ids."""

    async def read_log(
        self, job_id: JobId, since: int, *, max_packets: int, max_bytes: int
    ) -> LogPage:
        """Return the packets from number `since` on, at least one where there is."""

    async def jobs(self, where: JobFilter, after: str | None, limit: int) -> JobPage:
        """Return one page of the jobs that match."""

    async def fed(
        self, where: FedFilter, before: JobId | None, limit: int
    ) -> Sequence[JobId]:
        """Return up to `limit` jobs that are fed, newest first, submitted before one.

        It looks at no others. There is none before a job that there is not.
        """

    async def queues(self, after: str | None, limit: int) -> QueuePage:
        """Return one page of the queues that have jobs, and of pauses without."""

    async def counts(self) -> dict[State, int]:
        """Return how many jobs are queued, running, ended."""

    def probe(self) -> Write[None]:
        """Show that a call could be kept now; fails with `Full` too."""

    # ── upkeep ──
    async def prunable(self, before: float, limit: int) -> Sequence[JobId]:
        """Return up to `limit` jobs that `prune` would forget, oldest end first."""

    def prune(self, before: float, limit: int) -> Write[int]:
        """Forget up to `limit` jobs that ended before; return how many.

        A child stays while its parent has not ended.
        """

    def remove(self, job_id: JobId) -> Write[bool]:
        """Forget one job that has ended."""

    async def backup(self, path: Path, tell: Told | None = None) -> None:
        """Write a consistent copy, durable, to a new file while others go on.

        `tell` is awaited now and then with how many pages of how many are copied.
        Nothing is left of a copy that was broken off.

        Raises:
            OSError: the file exists, or cannot be written.
        """

    async def check(self) -> Sequence[Fault]:
        """Look for damage."""
