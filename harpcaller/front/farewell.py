"""How a connection is left so that its client hears the last that was said."""

from __future__ import annotations

import trio

DRAIN_S = 2.0
MAX_DRAIN_BYTES = 8 * 2**20
_RECEIVE_BYTES = 64 * 1024


async def say_no_more(stream: trio.abc.HalfCloseableStream) -> None:
    """Send nothing more, and read what is still on its way, within bounds.

    A close with unread input would destroy what was sent last.
    """
    await stream.send_eof()
    drained_bytes = 0
    while drained_bytes < MAX_DRAIN_BYTES:
        data = await stream.receive_some(_RECEIVE_BYTES)
        if not data:
            return
        drained_bytes += len(data)


async def refuse(stream: trio.abc.HalfCloseableStream, last_words: bytes) -> None:
    """Tell a client that there is no room for it, and close."""
    with trio.move_on_after(DRAIN_S):
        try:
            await stream.send_all(last_words)
            await say_no_more(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
    await trio.aclose_forcefully(stream)
