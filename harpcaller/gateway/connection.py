"""One HTTP connection: Hypercorn's protocol, carried by us within limits.

Its own server takes 64 KiB at once, shields sends without a limit, speaks HTTP/2 to
whoever asks, and closes idle connections the moment that a stop begins.
"""

from __future__ import annotations

import math
from typing import Final

import attrs
import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

from harpcaller.gateway.app import GUEST
from harpcaller.gateway.errors import refusal_of
from harpcaller.gateway.framing import MAX_HEAD_BYTES
from harpcaller.gateway.guest import Guest

RECEIVE_BYTES = 16 * 1024  # or the bound of a head would not bite
SEND_BYTES = 64 * 1024
DRAIN_S = 2.0
MAX_DRAIN_BYTES = 8 * 1024 * 1024
_NOTICE_S = 0.1
_UNREAD: Final = {
    403: "no WebSocket is served at this port",
    431: f"a head of more than {MAX_HEAD_BYTES} bytes",
    501: "Transfer-Encoding: expected chunked alone",
}
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


@attrs.frozen(kw_only=True)
class Patience:
    """How long a client may take for a head or between requests, and for a piece."""

    idle_s: float = 30
    send_s: float = 60


@attrs.frozen(kw_only=True)
class Served:
    """What every connection of a gateway serves, and how."""

    app: AppWrapper
    config: Config
    context: WorkerContext


class _Http11(H11Protocol):
    """HTTP/1.1 and nothing else, so that no client can change to another."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore an upgrade; RFC 9110, section 7.8, lets us."""

    async def _create_stream(self, request: h11.Request) -> None:
        """Have a request answered; what would be a WebSocket is refused.

        A stream of those forgets a bad handshake: nothing would end its connection.
        """
        if _asks_for_websocket(request):
            await self._send_error_response(403)
            await self.send(Closed())
        else:
            await super()._create_stream(request)

    async def _send_error_response(self, status_code: int) -> None:
        """Tell what is wrong with a request that nobody reads, as of any other."""
        message = _UNREAD.get(status_code, "not a request of HTTP/1.1")
        answer = refusal_of(status_code, message, {"Connection": "close"})
        headers = [*answer.raw_headers, *self.config.response_headers("h11")]
        start = h11.Response(status_code=status_code, headers=headers)
        told = self.connection.send(start)
        told += self.connection.send(h11.Data(data=bytes(answer.body)))
        told += self.connection.send(h11.EndOfMessage())
        # At once: the client may be gone, and the first piece may be what shows it.
        await self.send(RawData(data=told))

    async def _close_stream(self) -> None:
        """Tell the application that its client left, unless it does not listen.

        What an application leaves unread may fill the way to it.
        """
        with trio.move_on_after(_NOTICE_S):
            await super()._close_stream()
        self.stream = None


def _asks_for_websocket(request: h11.Request) -> bool:
    """Tell whether it is a GET that wants to go on as a WebSocket."""
    return request.method.upper() == b"GET" and any(
        name == b"upgrade" and b"websocket" in value.lower()
        for name, value in request.headers
    )


class Connection:
    """Serves one client until one of both has enough."""

    def __init__(
        self,
        stream: trio.abc.HalfCloseableStream,
        guest: Guest,
        served: Served,
        patience: Patience,
    ) -> None:
        self._stream = stream
        self._guest = guest
        self._served = served
        self._limits = patience
        self.is_broken = False
        """The client took no more of what it was sent."""
        self._is_ending = False
        self._sending = trio.Lock()
        self._waiting = trio.CancelScope(deadline=trio.current_time() + patience.idle_s)
        self._protocol: H11Protocol

    async def run(self) -> None:
        """Answer requests, then close so that no answer is lost."""
        served, guest = self._served, self._guest
        async with TaskGroup() as tasks:
            self._protocol = _Http11(
                served.app,
                served.config,
                served.context,
                tasks,
                ConnectionState({GUEST: guest}),
                guest.is_tls,
                guest.client,
                guest.server,
                self._send,
            )
            with self._waiting:
                await self._read()
            await self._protocol.handle(Closed())
        if not self.is_broken:
            await self._take_leave()

    def end(self) -> None:
        """Wait for no other request; an answer under way goes on."""
        self._is_ending = True
        if self._waiting.deadline < math.inf:
            self._waiting.cancel()

    async def _read(self) -> None:
        while True:
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except _GONE:
                return
            await self._protocol.handle(RawData(bytes(data)))
            if not data:
                return

    async def _send(self, event: Event) -> None:
        match event:
            case RawData(data=data):
                async with self._sending:
                    await self._send_data(data)
            case Updated(idle=True) if not self._is_ending:
                self._waiting.deadline = trio.current_time() + self._limits.idle_s
            case Updated(idle=False):
                self._waiting.deadline = math.inf
            case _:  # Closed, or the last answer has been given
                self._waiting.cancel()

    async def _send_data(self, data: bytes) -> None:
        try:
            for start in range(0, len(data), SEND_BYTES):
                with trio.fail_after(self._limits.send_s):
                    await self._stream.send_all(data[start : start + SEND_BYTES])
        except (*_GONE, trio.TooSlowError) as error:
            self.is_broken = True
            self._waiting.cancel()
            raise trio.BrokenResourceError from error

    async def _take_leave(self) -> None:
        """Close; with unread input that would destroy what was sent last."""
        drained_bytes = 0
        with trio.move_on_after(DRAIN_S):
            try:
                await self._stream.send_eof()
                while drained_bytes < MAX_DRAIN_BYTES:
                    data = await self._stream.receive_some(RECEIVE_BYTES)
                    if not data:
                        return
                    drained_bytes += len(data)
            except _GONE:
                pass
