"""All HTTP connections of a daemon: how many there may be, and how they end."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import cast

import attrs
import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp

from harpcaller.gateway.connection import RECEIVE_BYTES, Connection, Patience

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Caps:
    """How many may be connected: at all, and from one address of another machine."""

    max_connections: int = 1024
    max_per_peer: int = 256


class Gateway:
    """Owns the HTTP connections; it opens no socket and accepts from none.

    One bad connection hurts nobody: whatever it makes happen stays in its own task.
    """

    def __init__(self, app: ASGIApp, patience: Patience, caps: Caps) -> None:
        self._app = ASGIWrapper(cast(ASGIFramework, app))  # the same, spelt twice
        self._config = _server_config()
        self._context = WorkerContext(None)
        self._patience = patience
        self._caps = caps
        self._connections: set[Connection] = set()
        self._peers: Counter[str] = Counter()

    @property
    def connection_count(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def meet(self, stream: trio.SocketStream) -> None:
        """Serve a client, if there is room for it."""
        peer = _remote_peer(stream)
        is_full = len(self._connections) >= self._caps.max_connections
        if is_full or self._peers[peer] >= self._caps.max_per_peer:
            log.warning("connection.refused", reason="too many connections")
            await _refuse(stream)
            return
        if peer:
            self._peers[peer] += 1
        try:
            await self._serve(stream)
        finally:
            self._peers[peer] -= 1
            if self._peers[peer] <= 0:
                del self._peers[peer]

    def end(self) -> None:
        """Close the connections that ask nothing, and the others after their answer."""
        for connection in list(self._connections):
            connection.end()

    async def _serve(self, stream: trio.SocketStream) -> None:
        connection = Connection(
            stream, self._app, self._config, self._context, self._patience
        )
        self._connections.add(connection)
        try:
            await connection.run()
        except OSError:
            pass  # the client was gone
        except Exception:
            if not connection.is_broken:
                log.exception("connection.crashed")
        finally:
            self._connections.discard(connection)


async def _refuse(stream: trio.SocketStream) -> None:
    """Say that there is no room, without waiting for the client."""
    with trio.move_on_after(1):
        try:
            await stream.send_all(_FULL)
            await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


def _server_config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None  # what goes wrong is caught, and logged, before it sees it
    config.include_server_header = False
    config.h11_max_incomplete_size = RECEIVE_BYTES
    return config


def _remote_peer(stream: trio.SocketStream) -> str:
    """Return the address to count by; empty for this machine's own."""
    try:
        name = stream.socket.getpeername()
    except OSError:
        return "gone"
    if not isinstance(name, tuple) or ipaddress.ip_address(name[0]).is_loopback:
        return ""
    return str(name[0])
