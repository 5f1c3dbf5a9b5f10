"""The daemon's HTTP side put together; nothing of it is loaded where it is off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import attrs
import trio

from harpcaller.addresses import ListenAddress
from harpcaller.config import Config
from harpcaller.config.http_table import UNIX
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.doors import Door
from harpcaller.front.accept import accept_for_ever
from harpcaller.front.listen import Front
from harpcaller.front.sockets import WEB, Listening, Passed, open_listeners
from harpcaller.gateway.rules import Rules
from harpcaller.identities.reception import Reception
from harpcaller.meters import ReportCounts
from harpcaller.runners.harp import HarpRunner
from harpcaller.store.sqlite import SqliteStore
from indira.activation import Activation
from protocol.jsontext import JsonValue

if TYPE_CHECKING:
    from harpcaller.gateway.house import House
    from harpcaller.gateway.server import Gateway


@attrs.frozen(kw_only=True)
class Served:
    """The parts of a daemon that HTTP clients ask for."""

    store: SqliteStore
    dispatcher: Dispatcher
    runner: HarpRunner
    front: Front
    hosts: Callable[[], Sequence[dict[str, JsonValue]]]
    count_reports: Callable[[], ReportCounts]


class Web:
    """Owns the HTTP listeners, and the gateway that meets who comes in by them."""

    def __init__(
        self, config: Config, activation: Activation, reception: Reception
    ) -> None:
        self._config = config
        self._reception = reception
        self._passed = Passed(WEB, activation)
        self._listenings: Sequence[Listening] = ()
        self._gateway: Gateway | None = None
        self._house: House | None = None

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

    def configure(self, config: Config) -> None:
        """Have its rules hold for the requests that come from now on."""
        self._config = config
        if self._house is not None:
            self._house.rules = self._rules()

    async def serve(self, served: Served, sessions: trio.Nursery) -> None:
        """Accept clients until cancelled; each is served in the nursery `sessions`."""
        if not self._listenings:
            return
        gateway = self._gateway = self._outfitted(served)
        accepts = served.front.meters.accepts
        try:
            async with trio.open_nursery() as accept:
                for listening in self._listenings:
                    door = Door(listening.address, self._reception, gateway)
                    accept.start_soon(
                        accept_for_ever, listening.sock, door.meet, sessions, accepts
                    )
        finally:
            # Who asks whether a daemon that stops is ready is not to wait for it.
            self._close()

    def _outfitted(self, served: Served) -> Gateway:
        outfit, config, front = self._outfit, self._config, served.front
        self._house = outfit.House(self._reception, self._rules())
        sources = outfit.Sources(
            dispatcher=served.dispatcher,
            commits=served.store.meters,
            workers=served.runner.meters,
            clients=front.meters,
            count_lines=lambda: len(front.clients),
            count_reports=served.count_reports,
        )
        gateway: Gateway = outfit.outfitted(
            outfit.Outfit(
                sources=sources,
                hosts=served.hosts,
                state_dir=config.state_dir,
                min_free_bytes=config.http_min_free_bytes,
                send_timeout_s=config.send_timeout_s,
            ),
            self._house,
        )
        return gateway

    def _rules(self) -> Rules:
        config = self._config
        proxies = config.http_trusted_proxies
        return Rules(
            public_url=config.http_public_url,
            allowed_hosts=config.http_allowed_hosts,
            trusted_proxies=tuple(one for one in proxies if not isinstance(one, str)),
            trusts_unix=UNIX in proxies,
            max_body_bytes=config.http_max_body_bytes,
            max_followers=config.http_max_followers,
        )

    def end(self) -> None:
        """Close the connections that ask nothing; answers under way go on."""
        if self._gateway is not None:
            self._gateway.end()

    def _close(self) -> None:
        listenings, self._listenings = self._listenings, ()
        for listening in listenings:
            listening.close()
