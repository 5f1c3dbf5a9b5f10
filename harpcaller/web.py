"""The daemon's HTTP side put together; nothing of it is loaded where it is off."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import trio

from harpcaller.addresses import ListenAddress
from harpcaller.config import Config
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.front.accept import accept_for_ever
from harpcaller.front.listen import Front
from harpcaller.front.sockets import WEB, Listening, Passed, open_listeners
from harpcaller.runners.harp import HarpRunner
from harpcaller.store.sqlite import SqliteStore
from indira.activation import Activation

if TYPE_CHECKING:
    from harpcaller.gateway.server import Gateway


class Web:
    """Owns the HTTP listeners, and the gateway that meets who comes in by them."""

    def __init__(self, config: Config, activation: Activation) -> None:
        self._config = config
        self._passed = Passed(WEB, activation)
        self._listenings: Sequence[Listening] = ()
        self._gateway: Gateway | None = None

    @property
    def addresses(self) -> Sequence[ListenAddress]:
        """Where it listens, with real ports."""
        return [listening.address for listening in self._listenings]

    async def open(self, stack: AsyncExitStack) -> None:
        """Listen where the configuration says, until `stack` ends.

        Raises:
            OSError: an address cannot be had; the message names it.
            SocketTaken: somebody listens on a Unix socket's path already.
        """
        self._listenings = await open_listeners(self._config.http_listen, self._passed)
        stack.callback(self._close)
        if self._listenings:
            from harpcaller.gateway import outfit  # noqa: PLC0415 (megabytes)

            self._outfit = outfit

    async def serve(
        self,
        store: SqliteStore,
        dispatcher: Dispatcher,
        runner: HarpRunner,
        front: Front,
        sessions: trio.Nursery,
    ) -> None:
        """Accept clients until cancelled; each is served in the nursery `sessions`."""
        if not self._listenings:
            return
        self._gateway = self._outfit.outfitted(
            self._outfit.Sources(
                dispatcher=dispatcher,
                commits=store.meters,
                workers=runner.meters,
                clients=front.meters,
                count_lines=lambda: len(front.clients),
            ),
            state_dir=self._config.state_dir,
            min_free_bytes=self._config.http_min_free_bytes,
            send_timeout_s=self._config.send_timeout_s,
        )
        try:
            async with trio.open_nursery() as accept:
                for listening in self._listenings:
                    accept.start_soon(
                        accept_for_ever,
                        listening.sock,
                        self._gateway.meet,
                        sessions,
                        front.meters.accepts,
                    )
        finally:
            # Who asks whether a daemon that stops is ready is not to wait for it.
            self._close()

    def end(self) -> None:
        """Close the connections that ask nothing; answers under way go on."""
        if self._gateway is not None:
            self._gateway.end()

    def _close(self) -> None:
        listenings, self._listenings = self._listenings, ()
        for listening in listenings:
            listening.close()
