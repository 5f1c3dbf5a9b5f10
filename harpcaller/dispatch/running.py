"""One claimed call on its way: its limits, its packets, and the one way it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import structlog
import trio

from harpcaller.dispatch.job import Job
from harpcaller.runners import Progress, Runner
from harpcaller.store import (
    Claim,
    Full,
    Lost,
    OnLoss,
    Store,
    StoreError,
    Unavailable,
    Write,
)
from harpcaller.store.loss import fate
from protocol.errors import ErrorType, WireError
from protocol.job import JobRecord
from protocol.jsontext import JsonText, encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

MAX_LOT_BYTES = 64 * 1024
RETRY_S = 0.05  # until the store is asked again, at first
MAX_RETRY_S = 1.0
STOPPED = Failed(type=ErrorType.MISSING_RESULT, message="dispatcher stopped")

_STORAGE: Final = {"code": "storage"}
_CRASHED = Failed(
    type=ErrorType.OS_ERROR,
    message="a bug of the dispatcher's; see its log",
    data=encode({"code": "internal"}),
)

log = structlog.get_logger()


class Running:
    """Carries one claim out.

    The first to call `_choose` decides the outcome: the runner, a limit, a cancel
    or a stop. Everything between a choice and its test is free of awaits.
    """

    def __init__(
        self,
        claim: Claim,
        job: Job,
        store: Store,
        begin_successors: Callable[[Write[tuple[Claim, ...]]], None],
    ) -> None:
        self.claim = claim
        self.job = job
        self.ended: Write[None] = Write()  # done when the outcome is durable
        self._store = store
        self._begin_successors = begin_successors
        self._scope = trio.CancelScope()
        self._outcome: Outcome | None = None
        self._is_left = False
        self._is_connected = False
        self._exec_deadline = 0.0
        self._texts: list[JsonText] = []  # heard, not yet given to the store
        self._texts_bytes = 0
        self._next = claim.record.packets
        self._in_flight: Write[None] | None = None
        self._cut: Failed | None = None
        """Why packets are missing: it is no success that ends such a stream."""
        self._cancel_asked = trio.Event()
        if claim.is_cancel_wished:
            self._cancel_asked.set()

    @property
    def outcome(self) -> Outcome | None:
        """How it ends, once that was chosen."""
        return self._outcome

    @property
    def is_journalled(self) -> bool:
        """Tell whether it goes on after a restart: its runner sees to its limits."""
        return self.claim.on_loss.goes_on

    async def carry_out(self, runner: Runner) -> None:
        """Run the call; keep what it streams and, whatever happens, how it ended.

        A job that was left at a stop has no end; recovery starts it again.
        """
        record, began_at = self.claim.record, trio.current_time()
        structlog.contextvars.bind_contextvars(
            job_id=record.job_id, host=record.host, procedure=record.procedure
        )
        if self._outcome is None:
            log.info("job.started", **_beginning(self.claim))
            try:
                await self._run_within_limits(runner)
            except WireError as error:
                data = None if error.data is None else encode(dict(error.data))
                self._choose(Failed(type=error.type, message=error.message, data=data))
            except Exception:  # a bug: it ends this job and no other
                log.exception("job.crashed")
                self._choose(_CRASHED)
        while self._in_flight is not None:
            with contextlib.suppress(StoreError):  # `_kept` has seen to it
                await self._in_flight
        # no await from here to the caller's, or a cancel would be forgotten
        if self._outcome is None:
            log.info("job.left", packets=self._next)
            return
        await self._finish(self._outcome)
        log.info(
            "job.ended",
            outcome=type(self._outcome).__name__,
            type=getattr(self._outcome, "type", None),
            packets=self.job.packets,
            took_s=round(trio.current_time() - began_at, 3),
        )

    def end(self, outcome: Outcome) -> bool:
        """End the job with `outcome`, unless its end was chosen before."""
        if self._outcome is not None:
            return False
        self._choose(outcome)
        self._scope.cancel()
        return True

    def ask_to_end(self) -> bool:
        """Tell the runner of a journalled job that it is cancelled, durably so.

        It ends as Cancelled, whatever the runner says; False if its end was chosen.
        """
        if self._outcome is not None:
            return False
        self._cancel_asked.set()
        return True

    def stop(self) -> None:
        """End the job as stopped; where it may be started again, leave it so."""
        claim = self.claim
        end = fate(
            claim.on_loss,
            starts=claim.fence,
            retries=claim.record.retries,
            is_cancel_wished=False,
        )
        if isinstance(end, OnLoss):
            self._is_left = True
            self._scope.cancel()
        else:
            self.end(STOPPED)

    async def _run_within_limits(self, runner: Runner) -> None:
        record = self.claim.record
        self._exec_deadline = trio.current_time() + record.max_exec_s
        progress = Progress(
            emit=self._emit,
            kept=self._all_kept,
            connected=self._connected,
            heard=self._heard,
            cancel_asked=self._cancel_asked,
        )
        self._heard()
        with self._scope:
            self._choose(await runner.carry_out(self.claim, progress))
        if self._outcome is None and not self._is_left:
            self._choose(self._limit_hit())

    def _choose(self, outcome: Outcome) -> None:
        if self._outcome is None:
            is_cancelled = self._cancel_asked.is_set()
            self._outcome = Cancelled() if is_cancelled else outcome

    def _connected(self) -> None:
        self._is_connected = True
        self._heard()

    def _heard(self) -> None:
        if self.is_journalled:
            return
        silent_until = trio.current_time() + self.claim.record.timeout_s
        self._scope.deadline = min(silent_until, self._exec_deadline)

    def _limit_hit(self) -> Failed:
        record = self.claim.record
        if not self._is_connected:  # whichever limit it was: the two may be equal
            return Failed(
                type=ErrorType.NETWORK_ERROR,
                message=f"no connection within {record.timeout_s:g} s",
                data=encode({"code": "timedout"}),
            )
        if trio.current_time() >= self._exec_deadline:
            return _timeout("max_exec_time", f"not done within {record.max_exec_s:g} s")
        return _timeout(
            "timeout", f"nothing heard from the worker for {record.timeout_s:g} s"
        )

    # ── packets: at most one lot is on its way to the disk, the next one gathers ──

    async def _emit(self, texts: Sequence[JsonText]) -> None:
        """Keep packets; wait while the disk is more than a lot behind."""
        self._texts.extend(texts)
        self._texts_bytes += sum(map(len, texts))
        if self._in_flight is None:
            self._flush()
        while self._texts_bytes > MAX_LOT_BYTES and self._outcome is None:
            if self._in_flight is None:  # it was refused
                await trio.sleep(RETRY_S)
                self._flush()
            else:
                with contextlib.suppress(StoreError):  # `_kept` sees to it
                    await self._in_flight
            self._heard()  # it was us who made it wait

    async def _all_kept(self) -> None:
        """Wait until all that was emitted is durable.

        Raises:
            WireError: `os_error`, it never will be.
        """
        while self._texts or self._in_flight is not None:
            if self._in_flight is None:  # it was refused
                await trio.sleep(RETRY_S)
                self._flush()
            else:
                with contextlib.suppress(StoreError):  # `_kept` sees to it
                    await self._in_flight
        if self._cut is not None:
            raise WireError(ErrorType.OS_ERROR, self._cut.message, _STORAGE)

    def _flush(self) -> None:
        first, texts = self._next, self._texts
        self._next += len(texts)
        self._texts, self._texts_bytes = [], 0
        self._in_flight = self._store.append(self.claim, first, texts)
        self._in_flight.when_done(lambda write: self._kept(write, first, texts))

    def _kept(self, write: Write[None], first: int, texts: list[JsonText]) -> None:
        self._in_flight = None
        if write.error is not None:
            self._next = first
            if _may_repeat(write.error):
                self._texts = texts + self._texts
                self._texts_bytes += sum(map(len, texts))
            else:
                self._lose_packets(write.error)
                if not self.is_journalled:  # else its runner hears of it, and ends it
                    self.end(_not_kept(write.error))
            return
        self.job.keep(first, texts)
        if self._texts and self._outcome is None:
            self._flush()

    def _lose_packets(self, error: BaseException) -> None:
        log.error("packets.lost", job_id=self.claim.job_id, reason=repr(error))
        self._texts, self._texts_bytes = [], 0
        self._cut = _not_kept(error)

    async def _finish(self, outcome: Outcome) -> None:
        """Have the end kept, however often the store has to be asked."""
        pause_s = RETRY_S
        while True:
            if self._cut is not None and isinstance(outcome, Returned | Raised):
                outcome = self._outcome = self._cut
            try:
                await self._write_end(outcome)
                break
            except Full as error:
                if self._texts:
                    self._lose_packets(error)
                    continue  # the end itself is small
            except Unavailable as error:
                if not _may_repeat(error):
                    raise
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_RETRY_S)
        self.job.keep(self._next, self._texts)
        self.job.end(outcome)

    def _write_end(self, outcome: Outcome) -> Write[tuple[Claim, ...]]:
        write = self._store.finish(self.claim, outcome, self._next, self._texts)
        # Not once we wake up: a cancel in the same commit must find them running.
        write.when_done(self._begin_successors)
        return write


def _beginning(claim: Claim) -> dict[str, object]:
    """Return what the log says of a start; an adapter's label is made to be told."""
    record = claim.record
    told: dict[str, object] = {"start": claim.fence, "waited_s": _waited_s(record)}
    return told if record.label is None else {**told, "label": record.label}


def _waited_s(record: JobRecord) -> float:
    """Return how long a job had waited when it started first."""
    return round((record.started_at or record.submitted_at) - record.submitted_at, 3)


def _may_repeat(error: BaseException) -> bool:
    """Tell whether the store may do later what it refused."""
    return isinstance(error, Unavailable) and not isinstance(error, Lost)


def _timeout(limit: str, message: str) -> Failed:
    return Failed(
        type=ErrorType.TIMEOUT, message=message, data=encode({"limit": limit})
    )


def _not_kept(error: BaseException) -> Failed:
    return Failed(
        type=ErrorType.OS_ERROR,
        message=f"the dispatcher could not keep the stream: {error}",
        data=encode({**_STORAGE}),
    )
