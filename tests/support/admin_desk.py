"""An administrator's desk: the dispatcher's commands over a real store."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import orjson
import trio
from scripted_runner import ScriptedRunner

from harpcaller.admin import Administered, commands
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.limits import Limits
from harpcaller.hosts.refresh import Refreshed
from harpcaller.store import CancelResult, Claim, NewJob, Store
from harpcaller.store.sqlite import SqliteStore
from indira.commands import CommandTable, Reply, reply_line
from protocol.call import Call, QueueSpec
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue

CALL = Call(host="db01", procedure="backup", arguments=JsonText(b'["x",1e5]'))
QUEUE = QueueSpec(name=JsonText(b'{"a":1,"b":2}'))
HOSTS: list[dict[str, JsonValue]] = [
    {"hostname": f"h{number:03}", "address": "127.0.0.1", "port": 4306}
    for number in range(250)
]
CONNECTIONS: list[dict[str, JsonValue]] = [
    {"connection": number, "state": "idle"} for number in range(1, 251)
]


@attrs.define
class Desk:
    """An administrator's table over a store, with doors for a test to push."""

    store: Store
    table: CommandTable
    stops: list[None] = attrs.field(factory=list)
    refreshed: Refreshed = attrs.field(factory=lambda: Refreshed(count=3))
    heard: list[Mapping[str, JsonValue]] = attrs.field(factory=list)

    async def hear(self, progress: Mapping[str, JsonValue]) -> None:
        """Note how far a command said it is."""
        self.heard.append(progress)

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Return the reply that would go over the wire."""
        line = orjson.dumps({"command": command, **arguments})
        found, checked = self.table.parse(line)
        text = reply_line(await found.carry_out(checked, self.hear))
        return orjson.loads(text)

    async def ask_pages(self, command: str, key: str, **arguments: Any) -> list[Any]:
        """Return all that a command lists, over all pages."""
        listed: list[Any] = []
        reply = await self.ask(command, **arguments)
        while reply["after"] is not None:
            listed += reply[key]
            reply = await self.ask(command, **arguments, after=reply["after"])
        listed += reply[key]
        return listed

    async def submit(self, call: Call = CALL, job_id: str = "") -> Sequence[Claim]:
        """Keep a call; return what may run."""
        job = NewJob(
            job_id=JobId(job_id or str(uuid.uuid4())),
            call=call,
            timeout_s=600,
            max_exec_s=86400,
        )
        return (await self.store.submit(job)).claims


@asynccontextmanager
async def desk_over(directory: Path, max_running: int = 100) -> AsyncIterator[Desk]:
    """Open a store in `directory` and a desk over it."""
    async with desk_of(SqliteStore(directory), max_running) as desk:
        yield desk


@asynccontextmanager
async def desk_of(store: Store, max_running: int = 100) -> AsyncIterator[Desk]:
    """Open `store` and a desk over it."""
    await store.open("test", max_running, 10_000)

    async def refresh() -> Refreshed:
        return desk.refreshed

    async def status(wait: bool) -> Reply:
        return {"result": "running", "waited": wait}

    async def reload() -> Reply:
        return {"result": "ok", "needs_restart": []}

    async with trio.open_nursery() as nursery:
        dispatcher = Dispatcher(store, ScriptedRunner(), Limits(), nursery, time.time)
        administered = Administered(
            store=store,
            dispatcher=dispatcher,
            max_running=lambda: max_running,
            cancel=partial(_cancel, store),
            cancel_queue=partial(_cancel_queue, store),
            list_hosts=lambda: HOSTS,
            refresh_hosts=refresh,
            status=status,
            stop=lambda: desk.stops.append(None),
            reload=reload,
            reopen_logs=reload,
            max_age_s=lambda: None,
            limits=lambda: {"max_running": max_running},
            connections=lambda after, limit: CONNECTIONS[after : after + limit],
            count_connections=lambda: len(CONNECTIONS),
        )
        desk = Desk(store, commands(administered))
        try:
            yield desk
        finally:
            await store.close()


async def _cancel(store: Store, job_id: JobId) -> bool:
    met = await store.cancel(job_id)
    return met in {CancelResult.CANCELLED, CancelResult.REQUESTED}


async def _cancel_queue(store: Store, name: JsonText) -> int:
    return len(await store.cancel_queue(name))
