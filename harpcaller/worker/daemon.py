"""The life of `harpd`: listen, say so, serve, and end in order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeAlias

import structlog
import trio

from harpcaller.addresses import TcpAddress
from harpcaller.worker.children import Children
from harpcaller.worker.listen import listen_tcp, listen_unix, spell, tls_context
from harpcaller.worker.server import Server
from harpcaller.worker.settings import Settings
from harpcaller.worker.supervisor import Bounds
from harpcaller.worker.users import Users
from indira.service import READY, STOPPING, notify, receive_stops

log = structlog.get_logger()

Serving: TypeAlias = tuple[
    trio.SocketListener, Callable[[trio.SocketStream], Awaitable[None]]
]
Ready: TypeAlias = Callable[[Sequence[str]], None]


async def run(settings: Settings, ready: Ready, *, stops_at_eof: bool) -> None:
    """Serve until a signal says to stop, or standard input ends if that counts too.

    `ready` is called with the addresses once all of them accept connections.

    Raises:
        SettingsError: an address or certificate cannot be used.
        Refused: `procedure_loading_error`.
    """
    bounds = Bounds(
        term_grace_s=settings.term_grace_s, max_line_bytes=settings.max_line_bytes
    )
    async with _children(settings, bounds) as children:
        server = Server(
            children,
            Users(settings.users),
            max_calls=settings.max_calls,
            max_line_bytes=settings.max_line_bytes,
        )
        async with _listening(settings, server) as serving:
            life = _Life(server, settings.stop_grace_s)
            await life.serve(serving, ready, stops_at_eof=stops_at_eof)
    log.info("daemon.stopped")


class _Life:
    """Owns the scopes that a stop ends, one after the other.

    upkeep       signals and the end of input; last to go
    └─ calls     one task per connection; deadline stop_grace_s after the stop
       └─ accept cancelled at once
    """

    def __init__(self, server: Server, stop_grace_s: float) -> None:
        self._server = server
        self._stop_grace_s = stop_grace_s
        self._accept = trio.CancelScope()
        self._calls = trio.CancelScope()

    async def serve(
        self, serving: Sequence[Serving], ready: Ready, *, stops_at_eof: bool
    ) -> None:
        """Accept and serve until a stop, then until the calls are over."""
        async with trio.open_nursery() as upkeep:
            await upkeep.start(receive_stops, self._stop, self._calls.cancel)
            if stops_at_eof:
                upkeep.start_soon(self._stop_at_eof)
            with self._calls:
                async with trio.open_nursery() as calls:
                    await self._accept_all(calls, serving, ready)
            upkeep.cancel_scope.cancel()

    async def _accept_all(
        self, calls: trio.Nursery, serving: Sequence[Serving], ready: Ready
    ) -> None:
        with self._accept:
            async with trio.open_nursery() as acceptors:
                for listener, serve in serving:
                    accept = partial(
                        trio.serve_listeners, serve, [listener], handler_nursery=calls
                    )
                    await acceptors.start(accept)
                addresses = [spell(listener) for listener, _ in serving]
                log.info("daemon.started", listen=addresses)
                ready(addresses)
                notify(READY)

    def _stop(self) -> None:
        notify(STOPPING)
        self._accept.cancel()
        self._server.stop()
        self._calls.deadline = trio.current_time() + self._stop_grace_s

    async def _stop_at_eof(self) -> None:
        """Stop when the process that holds our standard input is gone."""
        async with trio.lowlevel.FdStream(os.dup(0)) as source:
            while await source.receive_some(4096):
                pass
        self._stop()


@asynccontextmanager
async def _children(settings: Settings, bounds: Bounds) -> AsyncIterator[Children]:
    children = Children(settings.procedures, bounds)
    try:
        await children.warm_up()
        yield children
    finally:
        with trio.CancelScope(shield=True):  # it only waits for a process that ends
            await children.close()


@asynccontextmanager
async def _listening(
    settings: Settings, server: Server
) -> AsyncIterator[list[Serving]]:
    """Listen on every address while the block runs."""
    serving: list[Serving] = []
    async with AsyncExitStack() as stack:
        for address in settings.listen:
            if isinstance(address, TcpAddress):
                serve_tls = partial(server.serve_tls, context=tls_context(settings))
                for listener in await listen_tcp(address):
                    await stack.enter_async_context(listener)
                    serving.append((listener, serve_tls))
            else:
                listener = stack.enter_context(listen_unix(address))
                serve = partial(server.serve, is_kept=settings.harp2)
                serving.append((listener, serve))
        yield serving
