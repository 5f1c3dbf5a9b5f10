"""A dispatcher over a store in memory, and calls followed to their end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.followers import wait_for_outcome
from harpcaller.dispatch.limits import Limits
from harpcaller.runners import Runner
from harpcaller.store.memory import MemoryStore
from protocol.call import Call
from protocol.jsontext import JsonText
from protocol.outcome import Outcome


class Nowhere:
    """An outbox whose lines nobody reads."""

    async def write(self, lines: bytes) -> None:
        """Drop `lines`."""

    async def flush(self) -> None:
        """Do nothing."""


@attrs.frozen(kw_only=True)
class Ending:
    """What is left of a job: its packets, its outcome."""

    packets: tuple[JsonText, ...]
    outcome: Outcome


@asynccontextmanager
async def a_dispatcher(
    runner: Runner,
    *,
    limits: Limits | None = None,
    max_running: int = 1000,
    store: MemoryStore | None = None,
) -> AsyncIterator[Dispatcher]:
    """Dispatch until the block ends; what runs then is cancelled."""
    store = store or MemoryStore()
    await store.open("test", max_running, 1000)
    async with trio.open_nursery() as nursery:
        yield Dispatcher(store, runner, limits or Limits(), nursery, time.time)
        nursery.cancel_scope.cancel()
    await store.close()


async def run_to_end(dispatcher: Dispatcher, call: Call) -> Ending:
    """Submit `call`; return what came of it."""
    job_id = (await dispatcher.submit(call)).job_id
    outcome = await wait_for_outcome(dispatcher, job_id, Nowhere())
    page = await dispatcher.store.read_log(
        job_id, 0, max_packets=10**6, max_bytes=10**9
    )
    return Ending(packets=page.packets, outcome=outcome)
