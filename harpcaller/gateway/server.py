"""All HTTP connections of a daemon: how many there may be, and how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import attrs
import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp

from harpcaller.gateway.connection import (
    RECEIVE_BYTES,
    Connection,
    Patience,
    Served,
)
from harpcaller.gateway.guest import Guest

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
        self._served = Served(
            app=ASGIWrapper(cast(ASGIFramework, app)),  # the same, spelt twice
            config=_server_config(),
            context=WorkerContext(None),
        )
        self._patience = patience
        self._caps = caps
        self._connections: set[Connection] = set()
        self._peers: Counter[str | None] = Counter()

    @property
    def connection_count(self) -> int:
        """How many clients are connected, those that shake hands among them."""
        return self._peers.total()

    @contextmanager
    def room(self, peer: str | None) -> Iterator[bool]:
        """Have room for one client more, for the block, if there is any.

        `peer` is the address to count by, None for this machine's own.
        """
        is_full = self.connection_count >= self._caps.max_connections
        has_many = peer is not None and self._peers[peer] >= self._caps.max_per_peer
        if is_full or has_many:
            log.warning("connection.refused", reason="too many connections")
            yield False
            return
        self._peers[peer] += 1
        try:
            yield True
        finally:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    async def refuse(self, stream: trio.SocketStream) -> None:
        """Say that there is no room, without waiting for the client."""
        with trio.move_on_after(1):
            try:
                await stream.send_all(_FULL)
                await stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass

    def end(self) -> None:
        """Close the connections that ask nothing, and the others after their answer."""
        for connection in list(self._connections):
            connection.end()

    async def serve(self, stream: trio.abc.HalfCloseableStream, guest: Guest) -> None:
        """Answer a client until one of both has enough."""
        connection = Connection(stream, guest, self._served, self._patience)
        self._connections.add(connection)
        try:
            await connection.run()
        except Exception:  # a bug: it ends this connection and no other
            if not connection.is_broken:
                log.exception("connection.crashed")
        finally:
            self._connections.discard(connection)


def _server_config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None  # what goes wrong is caught, and logged, before it sees it
    config.include_server_header = False
    config.h11_max_incomplete_size = RECEIVE_BYTES
    return config
