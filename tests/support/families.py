"""Parents over a dispatcher: machines of the tests, and lives that end and go on."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import attrs
import trio
from scripted_runner import ScriptedRunner

from harpcaller.adapters.machine import (
    Action,
    Cancelled,
    Event,
    Machine,
    Post,
    Save,
    Sleep,
    Submit,
)
from harpcaller.adapters.packets import is_event
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.family import Family
from harpcaller.dispatch.limits import Limits
from harpcaller.runners import Progress
from harpcaller.runners.transfers import Reply, TransferFailed
from harpcaller.runners.workflow import Means, WorkflowRunner
from harpcaller.store import Claim, JobFilter, NewJob, OnLoss, Store
from harpcaller.store.memory import MemoryStore
from protocol.call import Call, QueueSpec
from protocol.job import JobId, JobRecord
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

PARENT = JobId("0190a3c0-0000-7000-8000-000000000000")
EPOCH_S = 1_000_000.0
GRACE_S = 30.0
HANG_S = 100_000.0  # nothing that the tests do takes so long


def wall_time() -> float:
    """Return UTC seconds by the loop's clock, so that autojump moves both."""
    return EPOCH_S + trio.current_time()


def a_submit(
    key: str,
    procedure: str = "nap",
    *,
    queue: QueueSpec | None = None,
    retries: int = 0,
    host: str = "h",
) -> Submit:
    """Return a Submit of a procedure without arguments."""
    call = Call(
        host=host,
        procedure=procedure,
        arguments=JsonText(b"[]"),
        queue=queue,
        retries=retries,
    )
    return Submit(key=key, call=call)


def a_sleep(key: str, seconds: float = 1) -> Sleep:
    """Return a Sleep."""
    return Sleep(key=key, seconds=seconds)


@attrs.define
class Table:
    """A machine that answers each key with what a table says; it keeps all it heard.

    `cancelled` is what it does when the parent is to end.
    """

    begin: Sequence[Action]
    answers: Mapping[str, Sequence[Action]] = attrs.field(factory=dict)
    cancelled: Sequence[Action] = ()
    told: list[Event] = attrs.field(factory=list)

    def start(self, at: float) -> Sequence[Action]:
        """Return what to do first."""
        return self.begin

    def on(self, event: Event) -> Sequence[Action]:
        """Return what to do now."""
        self.told.append(event)
        if isinstance(event, Cancelled):
            return self.cancelled
        return self.answers.get(event.key, ())


@attrs.define
class MemoryTransfers:
    """Documents in a dictionary; what is not there cannot be fetched."""

    documents: dict[str, bytes] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    seconds: float = 1

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """See `Transfers.fetch`."""
        await self._take_time(uri)
        if uri not in self.documents:
            raise TransferFailed("NoSuchKey", f"{uri} is not there")
        if len(self.documents[uri]) > max_bytes:
            raise TransferFailed("TooLarge", f"{uri} has more than {max_bytes} bytes")
        return self.documents[uri]

    async def save(self, save: Save, *, again: bool) -> None:
        """See `Transfers.save`."""
        await self._take_time(save.uri)
        if save.uri in self.documents and not (save.replace or again):
            raise TransferFailed("Exists", f"{save.uri} is there already")
        self.documents[save.uri] = save.body

    async def post(self, post: Post) -> Reply:
        """See `Transfers.post`."""
        await self._take_time(post.url)
        return Reply(status=503, retry_after_s=7, body=post.body)

    async def _take_time(self, uri: str) -> None:
        self.asked.append(uri)
        await trio.sleep(self.seconds)


@attrs.define
class World:
    """What outlives a dispatcher: the store, the workers' log, the other machines.

    `machines` are those that one life after the other made, the oldest first.
    """

    make: Callable[[], Machine]
    workers: ScriptedRunner = attrs.field(factory=ScriptedRunner)
    transfers: MemoryTransfers = attrs.field(factory=MemoryTransfers)
    store: Store = attrs.field(factory=lambda: MemoryStore(clock=wall_time))
    clock: Callable[[], float] = wall_time  # the store's too
    max_exec_s: float = 86400
    max_queued: int = 1000
    machines: list[Machine] = attrs.field(factory=list)

    async def next_machine(self, _: Claim, __: Call) -> Machine:
        """Return a fresh machine."""
        self.machines.append(self.make())
        return self.machines[-1]

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Dispatcher]:
        """Dispatch until the block ends; then drop all that is on its way, as a crash.

        The first life submits the parent.
        """
        opened = await self.store.open("test", 1000, self.max_queued)
        router = Router(self.workers)
        async with trio.open_nursery() as nursery:
            dispatcher = Dispatcher(self.store, router, Limits(), nursery, self.clock)
            router.workflow = WorkflowRunner(
                self.next_machine,
                Means(
                    children=Family(dispatcher),
                    transfers=self.transfers,
                    store=self.store,
                    clock=self.clock,
                    cancel_grace_s=GRACE_S,
                ),
            )
            dispatcher.begin(opened.claims)
            dispatcher.take()
            if await self.store.get(PARENT) is None:
                await self._submit_parent(dispatcher)
            yield dispatcher
            nursery.cancel_scope.cancel()

    async def _submit_parent(self, dispatcher: Dispatcher) -> None:
        call = Call(host="@test", procedure="p", arguments=JsonText(b"[]"))
        job = NewJob(
            job_id=PARENT,
            call=call,
            timeout_s=self.max_exec_s,
            max_exec_s=self.max_exec_s,
            on_loss=OnLoss.RESUME,
        )
        dispatcher.begin((await self.store.submit(job)).claims)

    # ── what is left of it ──
    def told(self) -> list[Event]:
        """Return what the last machine was told."""
        machine = self.machines[-1]
        assert isinstance(machine, Table)
        return [*machine.told]

    async def parent(self) -> JobRecord:
        """Return what is known of the parent."""
        record = await self.store.get(PARENT)
        assert record is not None
        return record

    async def outcome(self, dispatcher: Dispatcher) -> Outcome:
        """Return how the parent ended, once it has."""
        with trio.fail_after(HANG_S):
            record = await Family(dispatcher).wait(PARENT)
        assert record is not None
        assert record.outcome is not None
        return record.outcome

    async def children(self) -> list[JobRecord]:
        """Return all children."""
        page = await self.store.jobs(JobFilter(parent=PARENT), None, 10**6)
        return list(page.jobs)

    async def log(self) -> tuple[JsonText, ...]:
        """Return the parent's log."""
        page = await self.store.read_log(PARENT, 0, max_packets=10**6, max_bytes=10**9)
        return page.packets

    async def notes(self) -> list[JsonText]:
        """Return the packets of the log that are Notes."""
        return [text for text in await self.log() if not is_event(text)]


class Router:
    """Gives parents to the driver, and their children to the workers."""

    workflow: WorkflowRunner

    def __init__(self, workers: ScriptedRunner) -> None:
        self._workers = workers

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Carry out one call."""
        if claim.record.host.startswith("@"):
            return await self.workflow.carry_out(claim, progress)
        return await self._workers.carry_out(claim, progress)


async def ticks(count: int) -> None:
    """Let the loop go round so often."""
    for _ in itertools.repeat(None, count):
        await trio.lowlevel.checkpoint()
