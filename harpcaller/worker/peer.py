"""One dispatcher's connection, as lines, and its close that loses nothing."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import trio

from harpcaller.addresses import TcpAddress
from protocol.harp import HEARTBEAT, SILENCE_S
from protocol.lines import LineBuffer

_CHUNK_BYTES = 1 << 16
_CLOSE_S = 1.0  # how long a peer may take to close after us
_HEARTBEAT_LINE = HEARTBEAT.rstrip()


class Peer:
    """Reads lines and writes replies; owns what was received and not yet served.

    `is_kept`: the extension was agreed on, so more calls may follow the first, and
    heartbeats go both ways while one runs. `host` is where it connected from, `origin`
    the same with the port.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        max_line_bytes: int,
        is_kept: bool,
        address: TcpAddress | None = None,
    ) -> None:
        self.is_kept = is_kept
        self.host = "unix" if address is None else address.host
        self.origin = "unix" if address is None else str(address)
        self.is_torn = False
        """A line was begun and not sent to its end: no other can follow it."""
        self._stream = stream
        self._buffer = LineBuffer(max_line_bytes)
        self._waiting: deque[bytes] = deque()

    @property
    def is_overflown(self) -> bool:
        """Tell whether the peer sent a line that is longer than any may be."""
        return self._buffer.is_overflown

    async def receive_line(self) -> bytes | None:
        """Return the next request line; None if there will be no other."""
        while not self._waiting:
            if not await self._receive():
                return None
        return self._waiting.popleft()

    async def wait_gone(self) -> None:
        """Return when the peer closed, is silent for too long, or sends too much.

        A request that comes early is kept; it is served when its turn is.
        """
        limit_s = SILENCE_S if self.is_kept else float("inf")
        with trio.move_on_after(limit_s) as silence:
            while len(self._waiting) <= 1 and await self._receive():
                silence.deadline = trio.current_time() + limit_s
                if not self.is_kept:
                    self._waiting.clear()  # one call a connection: nothing follows it

    async def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            BrokenResourceError: the peer is gone.
        """
        self.is_torn = True
        await self._stream.send_all(data)
        self.is_torn = False

    async def close(self) -> None:
        """Close so that what was sent last arrives, even if the peer still sends."""
        with trio.move_on_after(_CLOSE_S), suppress(trio.BrokenResourceError):
            transport = self._stream
            if isinstance(transport, trio.SSLStream):
                transport = await self._say_goodbye(transport)
            if isinstance(transport, trio.SocketStream):
                await transport.send_eof()
            while await transport.receive_some(_CHUNK_BYTES):
                pass
        await trio.aclose_forcefully(self._stream)

    async def _say_goodbye(
        self, stream: trio.SSLStream[trio.SocketStream]
    ) -> trio.SocketStream:
        with suppress(trio.BrokenResourceError):  # the peer sent more, or is gone
            await stream.unwrap()
        return stream.transport_stream

    async def _receive(self) -> bool:
        """Take in what comes next; tell whether more may come."""
        try:
            data = bytes(await self._stream.receive_some(_CHUNK_BYTES))
        except trio.BrokenResourceError:
            return False
        lines = self._buffer.take_lines(data)
        self._waiting += [line for line in lines if line and line != _HEARTBEAT_LINE]
        return bool(data) and not self.is_overflown
