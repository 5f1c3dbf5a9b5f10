"""A visit of a client by WebSocket: both ends of a connection, without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio
from dispatching import a_dispatcher
from scripted_runner import ScriptedRunner
from trio.testing import memory_stream_pair
from visit import HELLO, Ends, Pair
from websocket_client import CLOSE, TEXT, frame

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.front import websocket
from harpcaller.front.conversation import Bounds
from harpcaller.front.session import Session, Shared, Terms
from harpcaller.front.timers import Timers
from harpcaller.meters import Refusals
from harpcaller.peerlog import PeerLog

MAX_BYTES = 1024
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)


@attrs.define
class MessageVisit:
    """A client's end of a connection, and what it reaches."""

    client: Ends
    dispatcher: Dispatcher
    served: trio.Event = attrs.field(factory=trio.Event)
    heard: bytes = b""

    async def open(self) -> bytes:
        """Shake hands; return the status line."""
        await self.client.send_all(REQUEST + b"\r\n")
        while b"\r\n\r\n" not in self.heard:
            await self._hear()
        head, _, self.heard = self.heard.partition(b"\r\n\r\n")
        return head.partition(b"\r\n")[0]

    async def say(self, message: bytes) -> None:
        """Send a message."""
        await self.client.send_all(frame(TEXT, message))

    async def say_for_ever(self, data: bytes) -> None:
        """Send `data` again and again.

        Raises:
            trio.BrokenResourceError: nobody takes it any more.
        """
        while True:
            await self.client.send_all(data)

    async def hear_frame(self) -> tuple[int, bytes]:
        """Return kind and payload of the next frame, which is a short one."""
        while len(self.heard) < 2 or len(self.heard) < 2 + self.heard[1]:
            await self._hear()
        end = 2 + self.heard[1]
        found, self.heard = self.heard[:end], self.heard[end:]
        return found[0] & 0xF, found[2:]

    async def hear_out(self) -> tuple[bytes, float]:
        """Return all that comes to the end, and when that was."""
        with trio.fail_after(10**5):
            try:
                while True:
                    await self._hear()
            except EOFError:
                return self.heard, trio.current_time()

    async def _hear(self) -> None:
        data = await self.client.receive_some(2**16)
        if not data:
            raise EOFError(self.heard)
        self.heard += data


def farewell(code: int) -> tuple[int, bytes]:
    """Return the frame that says it."""
    return CLOSE, code.to_bytes(2)


@asynccontextmanager
async def a_message_visit(
    runner: ScriptedRunner | None = None, pair: Pair = memory_stream_pair
) -> AsyncIterator[MessageVisit]:
    """Connect a client to a dispatcher for the block."""
    async with (
        a_dispatcher(runner or ScriptedRunner()) as dispatcher,
        trio.open_nursery() as sessions,
    ):
        client, stream = pair()
        visit = MessageVisit(client, dispatcher)
        timers, refusals = Timers(), Refusals()
        terms = Terms(bounds=Bounds(max_line_bytes=MAX_BYTES), hello=HELLO)
        manner = websocket.Manner(
            origins=(),
            max_message_bytes=MAX_BYTES,
            send_timeout_s=terms.send_timeout_s,
            refusals=refusals,
            peer_log=PeerLog(trio.current_time),
            is_stopping=lambda: dispatcher.is_stopping,
        )

        async def converse(messages: websocket.Messages) -> None:
            shared = Shared(dispatcher, timers, refusals)
            session = Session(messages, shared, terms.of_session())
            messages.when_gone(session.desert)
            await session.run()

        async def serve() -> None:
            await websocket.serve(stream, manner, "127.0.0.1", converse)
            visit.served.set()
            await stream.aclose()

        sessions.start_soon(timers.run)
        sessions.start_soon(serve)
        yield visit
        sessions.cancel_scope.cancel()
