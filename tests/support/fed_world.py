"""A dispatcher with `@panoptes` over a store in memory, and its jobs fed by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from scripted_runner import ScriptedRunner

from harpcaller import ops
from harpcaller.adapters.panoptes import ADAPTER
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import make_update
from harpcaller.adapting import open_dispatcher
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.limits import Limits
from harpcaller.gateway.feeding import FedMeans
from harpcaller.runners.installed import Installed
from harpcaller.store.memory import MemoryStore
from protocol.call import Call
from protocol.job import JobId, JobRecord, read_job_id
from protocol.jsontext import JsonText, decode
from protocol.requests import Submit

CALL = Call(host="@panoptes", procedure="workflow", arguments=JsonText(b"{}"))
SETTINGS = Settings(linger_s=5, quiet_s=60, give_up_s=1000)


@attrs.frozen
class Life:
    """One life of a dispatcher."""

    dispatcher: Dispatcher

    @property
    def fed(self) -> FedMeans:
        """What a route may do, for somebody who may do all."""
        return FedMeans(self.dispatcher, "@panoptes", None)

    def configure(self, settings: Settings) -> None:
        """Bring the adapter."""
        installed = Installed(adapter=ADAPTER, settings=settings)
        self.dispatcher.adapters.configure([installed])

    async def create(self) -> JobId:
        """Return a new workflow."""
        reply: Any = decode(await ops.begin(Submit(call=CALL), self.dispatcher))
        job_id = read_job_id(reply["job_id"])
        assert job_id is not None
        return job_id

    async def send(self, job_id: JobId, message: Mapping[str, Any]) -> str | None:
        """Return the word for an update."""
        return await self.fed.offer(job_id, make_update({**message}, {}, 1.0))

    async def record(self, job_id: JobId) -> JobRecord:
        """Return what is known of a workflow."""
        record = await self.dispatcher.store.get(job_id)
        assert record is not None
        return record


@asynccontextmanager
async def a_life(
    store: MemoryStore,
    settings: Settings | None = SETTINGS,
    max_running: int = 1000,
) -> AsyncIterator[Life]:
    """Dispatch until the block ends; then stop, and leave what goes on.

    Without settings the adapter is not configured.
    """
    opened = await store.open("test", max_running, 1000)
    async with trio.open_nursery() as nursery:
        dispatcher = open_dispatcher(
            store, ScriptedRunner(), Limits(), nursery, trio.current_time
        )
        life = Life(dispatcher)
        if settings is not None:
            life.configure(settings)
        dispatcher.begin(opened.claims)
        yield life
        if not dispatcher.is_stopping:  # the test may have stopped it
            await dispatcher.stop(0)
        nursery.cancel_scope.cancel()
    await store.close()
