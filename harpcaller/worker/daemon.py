"""The life of `harpd`: listen, say so, serve, and end in order."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import structlog
import trio

import indira.server
from harpcaller.addresses import TcpAddress
from harpcaller.peerlog import PeerLog
from harpcaller.worker import admin
from harpcaller.worker.calls import Calls
from harpcaller.worker.catalogue import Offered
from harpcaller.worker.listen import listen_tcp, listen_unix, spell
from harpcaller.worker.orphans import open_orphans
from harpcaller.worker.renewal import Renewal, open_renewal
from harpcaller.worker.server import Server
from harpcaller.worker.settings import Settings, SettingsError
from indira.service import (
    READY,
    STOPPING,
    notify,
    receive_each,
    receive_stops,
    reloading,
)
from indira.unixsocket import SocketTaken
from protocol.harp_worker import Refused

log = structlog.get_logger()

Serving: TypeAlias = tuple[
    trio.SocketListener, Callable[[trio.SocketStream], Awaitable[None]]
]
Ready: TypeAlias = Callable[[Sequence[str]], None]


async def run(
    settings: Settings,
    reread: Callable[[], Settings],
    ready: Ready,
    *,
    stops_at_eof: bool,
) -> None:
    """Serve until a signal says to stop, or standard input ends if that counts too.

    `ready` is called with the addresses once all of them accept connections, `reread`
    returns the settings anew for a reload.

    Raises:
        SettingsError: an address or certificate cannot be used.
        Refused: `procedure_loading_error`.
    """
    peer_log = PeerLog(trio.current_time)
    async with (
        open_orphans() as orphans,
        open_renewal(settings, reread, peer_log, orphans) as renewal,
    ):
        calls = Calls(
            max_calls=settings.max_calls, max_line_bytes=settings.max_line_bytes
        )
        server = Server(
            lambda: renewal.terms,
            calls,
            peer_log,
            max_calls=settings.max_calls,
            max_line_bytes=settings.max_line_bytes,
        )
        async with (
            _listening(settings, server) as serving,
            _listening_to_admin(settings.admin_socket) as admin_socket,
        ):
            life = _Life(server, calls, renewal, settings.stop_grace_s)
            await life.serve(serving, admin_socket, ready, stops_at_eof=stops_at_eof)
    log.info("daemon.stopped")


class _Life:
    """Owns the scopes that a stop ends, one after the other.

    upkeep       the administrator, signals, the end of input; last to go
    └─ calls     one task per connection; deadline stop_grace_s after the stop
       └─ accept cancelled at once
    """

    def __init__(
        self, server: Server, calls: Calls, renewal: Renewal, stop_grace_s: float
    ) -> None:
        self._server = server
        self._renewal = renewal
        self._running = calls
        self._stop_grace_s = stop_grace_s
        self._accept = trio.CancelScope()
        self._calls = trio.CancelScope()

    async def serve(
        self,
        serving: Sequence[Serving],
        admin_socket: trio.SocketListener,
        ready: Ready,
        *,
        stops_at_eof: bool,
    ) -> None:
        """Accept and serve until a stop, then until the calls are over."""
        table = admin.commands(
            admin.Administered(
                calls=self._running,
                stop=self._stop,
                reload=self._reload,
                offered=self._offered,
                listen=[spell(listener) for listener, _ in serving],
            )
        )
        async with trio.open_nursery() as upkeep:
            # First: no signal may end who has said that he runs.
            await upkeep.start(receive_stops, self._stop, self._calls.cancel)
            await upkeep.start(receive_each, signal.SIGHUP, self._reload_and_tell)
            upkeep.start_soon(indira.server.serve, admin_socket, table)
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

    def _offered(self) -> Iterable[Offered]:
        return self._renewal.terms.children.catalogue.values()

    async def _reload(self) -> Sequence[str]:
        """Serve by the settings as they are now; return the keys that need a restart.

        Raises:
            SettingsError, Refused: something is wrong, and nothing has changed.
        """
        with reloading():
            return await self._renewal.renew()

    async def _reload_and_tell(self) -> None:
        try:
            await self._reload()
        except SettingsError as error:
            log.error("settings.refused", reason=str(error))  # noqa: TRY400 (no bug)
        except Refused as error:
            log.error("settings.refused", reason=error.message)  # noqa: TRY400 (no bug)

    async def _stop_at_eof(self) -> None:
        """Stop when the process that holds our standard input is gone."""
        async with trio.lowlevel.FdStream(os.dup(0)) as source:
            while await source.receive_some(4096):
                pass
        self._stop()


@asynccontextmanager
async def _listening(
    settings: Settings, server: Server
) -> AsyncIterator[list[Serving]]:
    """Listen on every address while the block runs."""
    serving: list[Serving] = []
    async with AsyncExitStack() as stack:
        for address in settings.listen:
            if isinstance(address, TcpAddress):
                for listener in await listen_tcp(address):
                    await stack.enter_async_context(listener)
                    serving.append((listener, server.serve_tls))
            else:
                listener = stack.enter_context(
                    listen_unix(address, settings.listen_group)
                )
                serve = partial(server.serve, is_kept=settings.harp2)
                serving.append((listener, serve))
        yield serving


@asynccontextmanager
async def _listening_to_admin(path: Path) -> AsyncIterator[trio.SocketListener]:
    """Listen on the admin socket while the block runs."""
    async with AsyncExitStack() as stack:
        try:
            opening = indira.server.listening(path)
            listener = await stack.enter_async_context(opening)
        except (OSError, SocketTaken) as error:
            raise SettingsError(f'"admin_socket": {error}') from None
        yield listener
