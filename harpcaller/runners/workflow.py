"""Drives an adapter's machine: does what it asks for, and tells it what came of it.

Every event is in the parent's stream log before the machine sees it. After a restart
a fresh machine is told what is in the log; what has no event yet is done once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias, assert_never

import attrs
import structlog
import trio

from harpcaller.adapters.agenda import Agenda, Changes, NotAsked
from harpcaller.adapters.machine import (
    Action,
    Asked,
    Cancelled,
    Ended,
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Machine,
    Post,
    Posted,
    Reason,
    Save,
    Saved,
    SaveFailed,
    Sleep,
    Slept,
    Submit,
    child_id,
)
from harpcaller.adapters.packets import CHILD_GONE, UnknownEvent, is_event
from harpcaller.runners import Progress
from harpcaller.runners.journal import Journal
from harpcaller.runners.transfers import TransferFailed, Transfers
from harpcaller.store import Claim, Store
from protocol import outcome as ends
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord
from protocol.jsontext import encode
from protocol.outcome import Failed, Outcome, Returned

MAX_POSTED_BYTES: Final = 4096  # of an answer to a Post
# A machine that is told more has more to parse: it would keep the loop for too long.
LARGE_EVENT_BYTES: Final = 256 * 1024

ANOTHER_VERSION: Final = Failed(
    type=ErrorType.MISSING_RESULT,
    message="the job was left by a dispatcher of another version, and cannot go on",
)

log = structlog.get_logger()

Maker: TypeAlias = Callable[..., Event]
"""Makes the event once the driver knows `at`."""


class Children(Protocol):
    """What the driver needs of whoever owns the live jobs."""

    async def submit(self, parent: Claim, key: str, call: Call) -> None:
        """Have a child run, unless it was submitted before.

        Raises:
            WireError: it was refused.
        """

    async def find(self, job_id: JobId) -> JobRecord | None:
        """Return what is known of a child."""

    async def wait(self, job_id: JobId) -> JobRecord | None:
        """Return a child that has ended, once it has; None where there is none."""

    async def cancel(self, job_id: JobId) -> None:
        """End a child, if there is one that has not ended."""

    async def end_all(self, parent: JobId) -> None:
        """End every child of a parent."""


@attrs.frozen(kw_only=True)
class Means:
    """What every driver works with; `clock` gives UTC seconds."""

    children: Children
    transfers: Transfers
    store: Store
    clock: Callable[[], float]
    cancel_grace_s: float = 30


class WorkflowRunner:
    """Carries out the parents of one adapter; `machine_for` makes their machines."""

    def __init__(self, machine_for: Callable[[Claim], Machine], means: Means) -> None:
        self._machine_for = machine_for
        self._means = means

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Return how the machine ended; then no child of its runs any more.

        When cancelled, at a stop, it leaves all as it is for the next start.
        """
        end_children = partial(self._means.children.end_all, claim.job_id)
        try:
            driver = _Driver(claim, progress, self._machine_for(claim), self._means)
            outcome = await driver.run()
        except Exception:
            await end_children()
            raise
        await end_children()
        return outcome


class _Driver:
    """Drives one machine: tells it one event at a time, in the order of the log."""

    def __init__(
        self, claim: Claim, progress: Progress, machine: Machine, means: Means
    ) -> None:
        self._claim = claim
        self._progress = progress
        self._machine = machine
        self._means = means
        self._journal = Journal(claim, progress, means.store)
        self._agenda = Agenda()
        self._began_at = claim.record.started_at or claim.record.submitted_at
        self._at = self._began_at
        self._scopes: dict[str, trio.CancelScope] = {}
        self._grace = trio.CancelScope()
        # Of size 0: what came of an action waits where it is, and is held once.
        self._send, self._receive = trio.open_memory_channel[Maker](0)
        self._nursery: trio.Nursery

    async def run(self) -> Outcome:
        """Return how the machine ended, or why it had to."""
        async with trio.open_nursery() as self._nursery:
            outcome = await self._go_to_end()
            self._nursery.cancel_scope.cancel()
        return outcome

    async def _go_to_end(self) -> Outcome:
        try:
            await self._replay()
            return await self._go_on()
        except (NotAsked, UnknownEvent) as error:
            log.warning("log.refused", reason=str(error))
            return ANOTHER_VERSION
        except WireError as error:
            data = None if error.data is None else encode(dict(error.data))
            return Failed(type=error.type, message=error.message, data=data)

    # ── what happened before ──
    async def _replay(self) -> None:
        """Tell the machine what its log says, and do nothing of what it asks for."""
        packets = await self._journal.read(0)
        self._agenda.take(self._machine.start(self._began_at))
        position = 0
        while packets:
            for packet in packets:
                if is_event(packet):
                    await self._tell(await self._journal.recall(packet))
                else:
                    self._agenda.find_note()
            position += len(packets)
            packets = await self._journal.read(position)

    # ── what happens ──
    async def _go_on(self) -> Outcome:
        await self._journal.note(self._agenda.notes())
        self._do(self._agenda.resumed(), again=self._claim.fence > 1)
        self._nursery.start_soon(self._wait_for_wish)
        self._nursery.start_soon(self._wait_for_limit)
        if self._agenda.cancelled is not None:
            self._begin_grace()
        with self._grace:
            while self._agenda.end is None:
                make = await self._receive.receive()
                await self._hear(make(at=max(self._at, self._means.clock())))
        return self._agenda.end or self._overdue()

    async def _hear(self, event: Event) -> None:
        await self._journal.keep(event)
        changes = await self._tell(event)
        if isinstance(event, Cancelled):
            self._begin_grace()
        else:
            del self._scopes[event.key]
        await self._journal.note(self._agenda.notes())
        self._do(changes, again=False)

    async def _tell(self, event: Event) -> Changes:
        self._agenda.answer(event)
        self._at = event.at
        return self._agenda.take(await self._ask(event))

    async def _ask(self, event: Event) -> Sequence[Action]:
        if _size(event) > LARGE_EVENT_BYTES:
            return await trio.to_thread.run_sync(self._machine.on, event)
        return self._machine.on(event)

    def _begin_grace(self) -> None:
        until = trio.current_time() + self._means.cancel_grace_s
        self._grace.deadline = min(self._grace.deadline, until)

    def _overdue(self) -> Outcome:
        if self._agenda.cancelled is Reason.CLIENT:
            return ends.Cancelled()
        return Failed(
            type=ErrorType.TIMEOUT,
            message=f"not done within {self._claim.record.max_exec_s:g} s",
            data=encode({"limit": Reason.MAX_EXEC_TIME.value}),
        )

    async def _wait_for_wish(self) -> None:
        await self._progress.cancel_asked.wait()
        if self._agenda.cancelled is not Reason.CLIENT:
            await self._send.send(partial(Cancelled, reason=Reason.CLIENT))

    async def _wait_for_limit(self) -> None:
        due_at = self._began_at + self._claim.record.max_exec_s
        await trio.sleep(max(0.0, due_at - self._means.clock()))
        if self._agenda.cancelled is None:
            await self._send.send(partial(Cancelled, reason=Reason.MAX_EXEC_TIME))

    # ── what is asked for: a task each ──
    def _do(self, changes: Changes, *, again: bool) -> None:
        for asked in changes.opened:
            scope = self._scopes[asked.key] = trio.CancelScope()
            self._nursery.start_soon(self._answer, asked, again, scope)
        for key in changes.dropped:
            self._scopes.pop(key).cancel()
        for key in changes.unwanted:
            job_id = child_id(self._claim.job_id, key)
            self._nursery.start_soon(self._means.children.cancel, job_id)

    async def _answer(self, asked: Asked, again: bool, scope: trio.CancelScope) -> None:
        with scope:
            make = await self._carry_out(asked, again=again)
            await self._send.send(partial(make, key=asked.key, again=again))

    async def _carry_out(self, asked: Asked, *, again: bool) -> Maker:
        match asked:
            case Submit(key=key, call=call):
                return await self._bring_up(key, call)
            case Fetch(uri=uri, max_bytes=max_bytes):
                return await self._fetch(uri, max_bytes)
            case Save():
                return await self._save(asked, again=again)
            case Post():
                return await self._post(asked)
            case Sleep(seconds=seconds):
                await trio.sleep(seconds)
                return Slept
        assert_never(asked)

    async def _bring_up(self, key: str, call: Call) -> Maker:
        """Have a child run to its end, in this life of the parent or an earlier one."""
        children, job_id = self._means.children, child_id(self._claim.job_id, key)
        if self._is_wanted(key):
            try:
                await children.submit(self._claim, key, call)
            except WireError as error:
                return _never(job_id, Failed(type=error.type, message=error.message))
            if not self._is_wanted(key):  # the cancel may have come before the child
                await children.cancel(job_id)
        elif await children.find(job_id) is None:
            return _never(job_id, ends.Cancelled())
        child = await children.wait(job_id)
        if child is None or child.outcome is None:
            return _never(job_id, CHILD_GONE)
        return partial(
            Ended,
            job_id=job_id,
            outcome=child.outcome,
            started_at=child.started_at,
            ended_at=child.ended_at,
        )

    def _is_wanted(self, key: str) -> bool:
        return key not in self._agenda.unwanted and self._agenda.cancelled is None

    async def _fetch(self, uri: str, max_bytes: int) -> Maker:
        try:
            body = await self._means.transfers.fetch(uri, max_bytes)
        except TransferFailed as failed:
            return partial(FetchFailed, code=failed.code, text=failed.text)
        return partial(Fetched, body=body)

    async def _save(self, save: Save, *, again: bool) -> Maker:
        try:
            await self._means.transfers.save(save, again=again)
        except TransferFailed as failed:
            return partial(SaveFailed, code=failed.code, text=failed.text)
        return Saved

    async def _post(self, post: Post) -> Maker:
        reply = await self._means.transfers.post(post)
        return partial(
            Posted,
            status=reply.status,
            retry_after_s=reply.retry_after_s,
            body=reply.body[:MAX_POSTED_BYTES],
        )


def _never(job_id: JobId, outcome: Outcome) -> Maker:
    """Return the end of a child that never was."""
    return partial(
        Ended, job_id=job_id, outcome=outcome, started_at=None, ended_at=None
    )


def _size(event: Event) -> int:
    """Return about how many bytes a machine has to look at."""
    match event:
        case Fetched(body=body) | Posted(body=body):
            return len(body)
        case Ended(outcome=Returned(value)):
            return len(value)
        case Ended(outcome=ends.Raised(data=data) | Failed(data=data)):
            return len(data or b"")
        case _:
            return 0
