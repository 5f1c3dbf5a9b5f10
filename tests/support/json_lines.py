"""One client connection that speaks JSON lines, for tests under trio."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import trio

Reply: TypeAlias = dict[str, Any]


class JsonLines:
    """A connection to a dispatcher; what arrived before it broke is still read."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def send(self, *requests: Mapping[str, Any]) -> None:
        """Send the requests in one go; a broken connection is noticed by `receive`."""
        await self.send_lines(json.dumps(request) for request in requests)

    async def send_lines(self, lines: Iterable[str]) -> None:
        """Send lines as they are."""
        with contextlib.suppress(trio.BrokenResourceError):
            await self._stream.send_all("".join(f"{x}\n" for x in lines).encode())

    async def receive(self) -> Reply | None:
        """Return the next reply; None once the dispatcher said its last line."""
        while (end := self._buffer.find(b"\n")) < 0:
            try:
                data = await self._stream.receive_some(65536)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        reply: Reply = json.loads(line)
        return reply

    async def ask(self, request: Mapping[str, Any]) -> Reply | None:
        """Send one request and return the line that answers it."""
        await self.send(request)
        return await self.receive()

    async def aclose(self) -> None:
        """Close it without a farewell."""
        await trio.aclose_forcefully(self._stream)

    async def __aenter__(self) -> JsonLines:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()
