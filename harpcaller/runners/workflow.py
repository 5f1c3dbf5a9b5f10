"""Drives an adapter's machine: does what it asks for, and tells it what came of it.

Every event is in the parent's stream log before the machine sees it. After a restart
a fresh machine is told what is in the log; what has no event yet is done once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import attrs
import structlog
import trio

from harpcaller.adapters.agenda import Agenda, Changes, NotAsked
from harpcaller.adapters.machine import (
    Action,
    Asked,
    Cancelled,
    Event,
    Fetched,
    Machine,
    Reason,
)
from harpcaller.adapters.packets import UnknownEvent, is_event
from harpcaller.runners import Progress
from harpcaller.runners.errands import Children, Errands, Maker
from harpcaller.runners.heavy import sized
from harpcaller.runners.journal import Journal, Seal, size_of
from harpcaller.runners.transfers import Transfers
from harpcaller.runners.vault import Vault
from harpcaller.store import Claim, Store
from protocol import outcome as ends
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.jsontext import encode
from protocol.outcome import Failed, Outcome

ANOTHER_VERSION: Final = Failed(
    type=ErrorType.MISSING_RESULT,
    message="the job was left by a dispatcher of another version, and cannot go on",
)

log = structlog.get_logger()

MachineFor: TypeAlias = Callable[[Claim, Call], Awaitable[Machine]]
"""Makes the machine of a parent; the call has its sealed values, or references."""


@attrs.frozen(kw_only=True)
class Means:
    """What the drivers of an adapter work with; `clock` gives UTC seconds.

    With `opens_sealed` its machines see sealed values themselves.
    """

    children: Children
    transfers: Transfers
    store: Store
    clock: Callable[[], float]
    cancel_grace_s: float = 30
    opens_sealed: bool = False


class WorkflowRunner:
    """Carries out the parents of one adapter; `machine_for` makes their machines."""

    def __init__(self, machine_for: MachineFor, means: Means) -> None:
        self._machine_for = machine_for
        self._means = means

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Return how the machine ended; then no child of its runs any more.

        When cancelled, at a stop, it leaves all as it is for the next start.
        """
        end_children = partial(self._means.children.end_all, claim.job_id)
        try:
            outcome = await self._drive(claim, progress)
        except Exception:  # a bug: it is told as one, and its children end too
            await end_children()
            raise
        await end_children()
        return outcome

    async def _drive(self, claim: Claim, progress: Progress) -> Outcome:
        means = self._means
        vault = await Vault.open(claim.job_id, means.store)
        call = await vault.parent_call(claim, opens_sealed=means.opens_sealed)
        machine = await self._machine_for(claim, call)
        driver = _Driver(claim, progress, machine, means, vault)
        return await driver.run(len(call.arguments))


class _Driver:
    """Drives one machine: tells it one event at a time, in the order of the log."""

    def __init__(
        self,
        claim: Claim,
        progress: Progress,
        machine: Machine,
        means: Means,
        vault: Vault,
    ) -> None:
        self._claim = claim
        self._progress = progress
        self._machine = machine
        self._means = means
        seal = Seal(vault.texts, means.opens_sealed)
        self._journal = Journal(claim, progress, means.store, seal)
        self._errands = Errands(
            claim, means.children, means.transfers, vault, self._is_wanted
        )
        self._agenda = Agenda()
        self._began_at = claim.record.started_at or claim.record.submitted_at
        self._at = self._began_at
        self._weight = 0  # of what the machine may look at when it is told something
        self._scopes: dict[str, trio.CancelScope] = {}
        self._grace = trio.CancelScope()
        # Of size 0: what came of an action waits where it is, and is held once.
        self._send, self._receive = trio.open_memory_channel[Maker](0)
        self._nursery: trio.Nursery

    async def run(self, weight: int) -> Outcome:
        """Return how the machine ended, or why it had to.

        `weight` is how many bytes it was made of.
        """
        self._weight = weight
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
        start = self._machine.start
        self._agenda.take(await sized(self._weight, start, self._began_at))
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
        event = await self._journal.keep(event)
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
        size = size_of(event)
        # Documents add up: a tree of a thousand is looked at as one.
        heap = self._weight + size if isinstance(event, Fetched) else size
        self._weight = max(self._weight, heap)
        return await sized(self._weight, self._machine.on, event)

    def _is_wanted(self, key: str) -> bool:
        return key not in self._agenda.unwanted and self._agenda.cancelled is None

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
            self._nursery.start_soon(self._errands.cancel, key)

    async def _answer(self, asked: Asked, again: bool, scope: trio.CancelScope) -> None:
        with scope:
            make = await self._errands.carry_out(asked, again=again)
            await self._send.send(partial(make, key=asked.key, again=again))
