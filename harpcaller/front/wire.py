"""What carries the frames of a WebSocket: bytes, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import trio

from harpcaller.front.farewell import DRAIN_S, say_no_more

SEND_BYTES = 128 * 1024  # a piece; most of what is sent is one
_SPARE_BYTES = 16 * 1024
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class Wire(trio.abc.Stream):
    """A client's stream that is never stuck for long, and tells when it has ended.

    Empty fragments and pings cost memory and time, and are no message: a client may
    send about two messages' worth of bytes between two messages, no more. Closing
    this closes nothing: whoever accepted the connection does.
    """

    def __init__(
        self,
        stream: trio.abc.HalfCloseableStream,
        send_timeout_s: float,
        max_message_bytes: int,
    ) -> None:
        self._stream = stream
        self._send_timeout_s = send_timeout_s
        self._most_bytes = 2 * max_message_bytes + _SPARE_BYTES
        self._allowed_bytes = self._most_bytes
        self._is_cut = False  # in the middle of a frame: nothing may follow
        self._tell_end: Callable[[], None] = _nothing
        self.has_ended = False

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Have `tell` called once, when nothing more will come from the client."""
        self._tell_end = tell
        if self.has_ended:
            tell()

    def allow_more(self) -> None:
        """Count the client's bytes anew: there was a message."""
        self._allowed_bytes = self._most_bytes

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`; a client that takes no piece of it for too long is lost."""
        if self._is_cut:
            raise trio.BrokenResourceError
        self._is_cut = True
        try:
            for start in range(0, len(data), SEND_BYTES):
                with trio.fail_after(self._send_timeout_s):
                    await self._stream.send_all(data[start : start + SEND_BYTES])
        except (*_GONE, trio.TooSlowError) as error:
            self._end()
            raise trio.BrokenResourceError from error
        self._is_cut = False

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there may be room to send."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what came, nothing at the end."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except _GONE:
            self._end()
            raise
        self._allowed_bytes -= len(data)
        if self._allowed_bytes < 0:
            self._end()
            raise trio.BrokenResourceError
        if not data:
            self._end()
        return data

    async def aclose(self) -> None:
        """Have nothing more to do with it; see `drain`."""
        self._end()
        await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """Leave the client so that it hears the last frame."""
        with trio.move_on_after(DRAIN_S), suppress(*_GONE):
            await say_no_more(self._stream)

    def _end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._tell_end()


def _nothing() -> None:
    """Tell nobody."""
