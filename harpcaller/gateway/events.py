"""What a job streams, as server-sent events: a reader holds a position, no queue.

HTML Living Standard, "Server-sent events".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harpcaller.dispatch.followers import Outbox
from harpcaller.gateway.house import House
from harpcaller.gateway.leaving import while_here
from harpcaller.gateway.lines import events
from protocol.errors import ErrorType, WireError

Follow: TypeAlias = Callable[[Outbox], Awaitable[None]]
"""Writes the lines of a stream, to its end."""

KEEP_ALIVE_S: Final = 15.0
_BEGINNING: Final = b"retry: 3000\n\n"
_KEEP_ALIVE: Final = b": keep-alive\n\n"
_SHUTDOWN: Final = b"event: shutdown\ndata: {}\n\n"
_FLUSH_BYTES: Final = 64 * 1024
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class EventStream(Response):
    """The answer that follows a job; what is wrong before it begins is an error."""

    media_type = "text/event-stream"

    def __init__(self, follow: Follow, house: House, who: str) -> None:
        super().__init__()
        self._follow = follow
        self._house = house
        self._who = who

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._house.seat(self._who):
            out = _Events(send)
            await while_here(receive, partial(self._run, out), out.keep_alive)

    async def _run(self, out: _Events) -> None:
        try:
            await self._follow(out)
            await out.end()
        except WireError as error:
            if not out.has_begun:
                raise
            await out.end(_SHUTDOWN if error.type is ErrorType.SHUTTING_DOWN else b"")


class _Events:
    """An Outbox whose lines go out as events; the first of them begins the answer."""

    def __init__(self, send: Send) -> None:
        self.has_begun = False
        self._send = send
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        self._is_sending = False
        self._sent_at = trio.current_time()

    async def write(self, lines: bytes) -> None:
        """Send `lines` with what follows, or at once if there is much."""
        piece = events(lines)
        self._pieces.append(piece)
        self._pieces_bytes += len(piece)
        if self._pieces_bytes >= _FLUSH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Send what was written."""
        if not self.has_begun:
            self.has_begun = True
            start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
            await self._send(start)
            self._pieces.insert(0, _BEGINNING)
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._pieces_bytes = 0
            await self._send_data(data)

    async def keep_alive(self) -> None:
        """Show again and again that we are here, where there is nothing to say."""
        while True:
            await trio.sleep_until(self._sent_at + KEEP_ALIVE_S)
            is_silent = trio.current_time() - self._sent_at >= KEEP_ALIVE_S
            if self._is_sending or not self.has_begun:
                await trio.sleep(1)
            elif is_silent:
                await self._send_data(_KEEP_ALIVE)

    async def end(self, last_words: bytes = b"") -> None:
        """Send what was written, and that there is no more."""
        self._pieces.append(last_words)
        await self.flush()
        await self._send({"type": "http.response.body", "body": b""})

    async def _send_data(self, data: bytes) -> None:
        self._is_sending = True
        await self._send(
            {"type": "http.response.body", "body": data, "more_body": True}
        )
        self._is_sending = False
        self._sent_at = trio.current_time()
