"""A dispatcher with an adapter of the tests' own, and workers that repeat it all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from harpcaller import ops
from harpcaller.adapters.adapter import Adapter, Admitted, Refused
from harpcaller.adapters.machine import Machine
from harpcaller.adapting import open_dispatcher
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.family import Family
from harpcaller.dispatch.limits import Limits
from harpcaller.runners import Progress
from harpcaller.runners.installed import Installed
from harpcaller.store import Claim, JobFilter, Store
from harpcaller.store.memory import MemoryStore
from protocol.call import Call, unseal
from protocol.job import JobId, JobRecord
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Outcome, Raised, Returned
from protocol.requests import Submit

Make = Callable[[JsonValue, JobId, Call], Machine]
"""Makes a machine of the settings that were kept, the parent's id and its call."""


def an_adapter(
    make: Make,
    admit: Callable[[Any, Call], Admitted | Refused] | None = None,
    *,
    opens_sealed: bool = False,
) -> Adapter[JsonValue]:
    """Return the adapter `test`, whose settings are a JSON value and kept as such."""
    return Adapter(
        name="test",
        files=lambda _: (),
        load=lambda table, _, __: dict(table),
        admit=admit or (lambda _, __: Admitted(max_exec_s=3600)),
        keep=lambda settings, _: encode(settings),
        machine=lambda kept, job_id, call: make(decode(kept), job_id, call),
        opens_sealed=opens_sealed,
    )


@attrs.define
class Parrots:
    """Workers that stream, then return or raise (`fail`), their arguments; or hang."""

    got: list[JsonText] = attrs.field(factory=list)

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Carry out one call."""
        arguments = unseal(claim.record.arguments, claim.sealed)
        self.got.append(arguments)
        progress.connected()
        await progress.emit([arguments])
        if claim.record.procedure == "hang":
            await trio.sleep_forever()
        if claim.record.procedure == "fail":
            return Raised(type="E", message=f"bad: {arguments.decode()}")
        return Returned(arguments)


@attrs.define
class Adapted:
    """What outlives a dispatcher with an adapter; `more` is what is installed too."""

    adapter: Adapter[Any]
    settings: Any = None
    workers: Parrots = attrs.field(factory=Parrots)
    store: Store = attrs.field(factory=lambda: MemoryStore(clock=trio.current_time))
    more: Mapping[str, Any] = attrs.field(factory=dict)

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Dispatcher]:
        """Dispatch until the block ends; then drop all on its way, as a crash."""
        opened = await self.store.open("test", 1000, 1000)
        async with trio.open_nursery() as nursery:
            dispatcher = open_dispatcher(
                self.store, self.workers, Limits(), nursery, trio.current_time
            )
            dispatcher.adapters.configure([self.installed()])
            dispatcher.begin(opened.claims)
            yield dispatcher
            nursery.cancel_scope.cancel()

    def installed(self) -> Installed:
        """Return the adapter with its settings."""
        return Installed(adapter=self.adapter, settings=self.settings, **self.more)

    async def children(self, parent: JobId) -> Sequence[JobRecord]:
        """Return the children of a parent."""
        return (await self.store.jobs(JobFilter(parent=parent), None, 1000)).jobs

    async def log(self, job_id: JobId) -> Sequence[JsonText]:
        """Return all packets of a job."""
        page = await self.store.read_log(job_id, 0, max_packets=10**6, max_bytes=10**9)
        return page.packets


def a_call(arguments: JsonValue = None, **fields: Any) -> Call:
    """Return a call to the adapter."""
    text = encode([] if arguments is None else arguments)
    return Call(host="@test", procedure="p", arguments=text, **fields)


async def submit(dispatcher: Dispatcher, call: Call) -> JobId:
    """Submit a call as a client does; return its id."""
    reply: Mapping[str, Any] = decode(  # type: ignore[assignment] # an object
        await ops.begin(Submit(call=call), dispatcher)
    )
    return JobId(reply["job_id"])


async def outcome_of(dispatcher: Dispatcher, job_id: JobId) -> Outcome:
    """Return how a job ended, once it has."""
    with trio.fail_after(600):
        record = await Family(dispatcher).wait(job_id)
    assert record is not None
    assert record.outcome is not None
    return record.outcome
