"""Clients that speak in WebSocket messages, each one line: RFC 6455.

Framing is trio-websocket's. What it leaves open is closed here and in `wire`: how
long a handshake or a send may take, what comes between messages, which pages may ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress

import attrs
import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from wsproto.utilities import ProtocolError

from harpcaller.front.farewell import DRAIN_S
from harpcaller.front.tls import HANDSHAKE_S
from harpcaller.front.wire import Wire
from harpcaller.meters import Refusals
from harpcaller.origin import FOREIGN_SITES
from harpcaller.peerlog import PeerLog
from protocol.errors import ErrorType, WireError

RECEIVE_BYTES = 2 * 1024  # full of empty fragments it costs 30 ms as it is
# RFC 6455, section 7.4.1
NORMAL, GOING_AWAY, TOO_BIG = 1000, 1001, 1009
_BINARY = WireError(
    ErrorType.INVALID_REQUEST,
    "a binary message: send requests as text, one in each message",
)
_FOREIGN = WireError(
    ErrorType.FORBIDDEN, "pages of other sites may not connect: see [websocket] origins"
)

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Manner:
    """What holds for clients that speak in messages.

    `origins` are those of the pages that may connect, as browsers write them.
    """

    origins: Collection[str]
    max_message_bytes: int
    send_timeout_s: float
    refusals: Refusals
    peer_log: PeerLog
    is_stopping: Callable[[], bool]


class Messages(trio.abc.HalfCloseableStream):
    """A client's messages as a stream of lines, for a session."""

    def __init__(
        self, connection: WebSocketConnection, wire: Wire, manner: Manner
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._manner = manner
        self._partial = bytearray()  # of a line that is sent in pieces

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the client has gone, and hears nothing more."""
        self._wire.when_ended(tell)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next message as a line; nothing when there will be none."""
        while True:
            try:
                message = await self._connection.get_message()
            except ConnectionClosed:
                return b""
            self._wire.allow_more()
            if isinstance(message, bytes):
                await self.send_all(self._manner.refusals.line(_BINARY))
                continue
            line = message.encode()
            if len(line) <= self._manner.max_message_bytes:
                # A line end is a blank in JSON; here it does not end the request.
                return line.replace(b"\n", b" ") + b"\n"
            await self._connection.aclose(TOO_BIG)  # that counts characters
            return b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send each line of `data` as a message, when all of it is there.

        To a client that has gone nothing is sent: what it asked for before is done.
        """
        self._partial += data
        if b"\n" in bytes(data):
            *lines, rest = self._partial.split(b"\n")
            self._partial = rest
            for line in lines:
                await self._send(line)

    async def wait_send_all_might_not_block(self) -> None:
        """Return when there may be room to send."""
        await self._wire.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say farewell, and why; a WebSocket has no half-close."""
        code = GOING_AWAY if self._manner.is_stopping() else NORMAL
        await self._connection.aclose(code)

    async def aclose(self) -> None:
        """Leave the rest to `serve`."""
        await trio.lowlevel.checkpoint()

    async def _send(self, line: bytes | bytearray) -> None:
        with suppress(ConnectionClosed):
            await self._connection.send_message(line.decode())
            self._wire.allow_more()


async def serve(
    stream: trio.abc.HalfCloseableStream,
    manner: Manner,
    host: str,
    converse: Callable[[Messages], Awaitable[None]],
) -> None:
    """Have `converse` speak with a client, once both agreed on WebSocket; then leave.

    A task of its own reads, so that pings are answered and a farewell is heard while
    the client waits for something. `host` is what the log calls the client.
    """
    wire = Wire(stream, manner.send_timeout_s, manner.max_message_bytes)
    messages: Messages | None = None
    try:
        async with trio.open_nursery() as reader:
            connection = await _shake_hands(reader, wire, manner, host)
            if connection is not None:
                messages = Messages(connection, wire, manner)
                await converse(messages)
                with trio.move_on_after(DRAIN_S):
                    await messages.send_eof()
            reader.cancel_scope.cancel()
    except* ProtocolError:
        pass  # a frame that may not be sent any more: each side was leaving
    except* Exception:
        if messages is not None:
            log.exception("session.crashed")
        else:
            _complain(manner, host, "websocket", "the request cannot be read")
    await wire.drain()


async def _shake_hands(
    reader: trio.Nursery, wire: Wire, manner: Manner, host: str
) -> WebSocketConnection | None:
    """Return the connection to a client that may come in; it is told why not."""
    with trio.CancelScope(deadline=trio.current_time() + HANDSHAKE_S) as patience:
        wire.when_ended(patience.cancel)
        request = await wrap_server_stream(
            reader,
            wire,
            message_queue_size=1,  # reading stops while that one waits
            max_message_size=manner.max_message_bytes,
            receive_buffer_size=RECEIVE_BYTES,
        )
        if not is_foreign(request.headers, manner.origins):
            return await request.accept()
        _complain(manner, host, "origin", "a page of another site")
        await request.reject(
            403,
            extra_headers=[(b"Content-Type", b"application/json")],
            body=manner.refusals.line(_FOREIGN),
        )
        return None
    if not wire.has_ended:
        _complain(manner, host, "timeout", f"not done within {HANDSHAKE_S:.0f} s")
    return None


def is_foreign(
    headers: Iterable[tuple[bytes, bytes]], origins: Collection[str]
) -> bool:
    """Tell whether a page that is none of `origins` asks.

    Browsers say whose page it is; clients that are none do not have to. The name in
    `Host` is no matter: a page that was brought to our address by a name of its
    owner's has that name in its origin.
    """
    found = dict(headers)
    origin = found.get(b"origin")
    if origin is None:
        return found.get(b"sec-fetch-site", b"").lower() in FOREIGN_SITES
    return origin.decode("latin-1").lower() not in origins


def _complain(manner: Manner, host: str, code: str, reason: str) -> None:
    manner.peer_log.warn("handshake.failed", host, code=code, reason=reason)
