"""A visit of a client to a dispatcher: both ends of a session, without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs
import trio
from dispatching import a_dispatcher
from scripted_runner import ScriptedRunner
from trio.testing import memory_stream_pair

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.front.conversation import Bounds
from harpcaller.front.session import Session, Shared, Terms
from harpcaller.front.timers import Timers
from harpcaller.meters import Refusals
from harpcaller.store.memory import MemoryStore
from protocol.replies import HelloLimits

HELLO = HelloLimits(
    max_line_bytes=2**20, max_depth=128, max_pending=64, timeout_s=600, max_exec_s=86400
)
Ends: TypeAlias = trio.StapledStream[Any, Any]
Pair: TypeAlias = Callable[[], tuple[Ends, Ends]]


@attrs.frozen
class Visit:
    """A client's end of a session, and the session."""

    client: Ends
    session: Session
    dispatcher: Dispatcher

    async def say(self, *lines: bytes) -> None:
        """Send bytes as they are."""
        for line in lines:
            await self.client.send_all(line)

    async def hear(self) -> bytes:
        """Return what comes next, b"" at the end."""
        return bytes(await self.client.receive_some(2**20))

    async def hear_out(self) -> tuple[bytes, float]:
        """Return all that comes to the end, and when that was."""
        heard = b""
        with trio.fail_after(10**5):
            while data := await self.hear():
                heard += data
        return heard, trio.current_time()


@asynccontextmanager
async def a_visit(
    runner: ScriptedRunner | None = None,
    pair: Pair = memory_stream_pair,
    store: MemoryStore | None = None,
) -> AsyncIterator[Visit]:
    """Connect a client to a dispatcher for the block."""
    async with (
        a_dispatcher(runner or ScriptedRunner(), store=store) as dispatcher,
        trio.open_nursery() as sessions,
    ):
        client, stream = pair()
        timers = Timers()
        terms = Terms(bounds=Bounds(), hello=HELLO)
        session = Session(stream, Shared(dispatcher, timers, Refusals()), terms)
        sessions.start_soon(timers.run)
        sessions.start_soon(session.run)
        yield Visit(client, session, dispatcher)
        sessions.cancel_scope.cancel()
