"""HTTP listeners: who comes in by one is known, or has shown, before he is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
import trio

from harpcaller.addresses import ListenAddress, TlsAddress, UnixAddress
from harpcaller.front.peers import THIS_MACHINE, remote_peer, unix_groups, unix_peer
from harpcaller.front.tls import NOT_CLEAR_HTTP, TlsClient, shake_hands
from harpcaller.gateway.guest import Guest
from harpcaller.identities.reception import Reception
from harpcaller.identities.tls import names_in
from harpcaller.identities.visitor import Visitor

if TYPE_CHECKING:
    from harpcaller.gateway.server import Gateway


class Door:
    """One listener's: it hands those who may come in to the gateway."""

    def __init__(
        self, address: ListenAddress, reception: Reception, gateway: Gateway
    ) -> None:
        self._address = address
        self._reception = reception
        self._gateway = gateway

    async def meet(self, stream: trio.SocketStream) -> None:
        """Serve a client, if there is room for him."""
        is_unix = isinstance(self._address, UnixAddress)
        peer = None if is_unix else remote_peer(stream.socket)
        structlog.contextvars.bind_contextvars(peer=peer or THIS_MACHINE)
        with self._gateway.room(peer) as has_room:
            try:
                if has_room:
                    await self._let_in(stream, peer)
                elif not isinstance(self._address, TlsAddress):
                    await self._gateway.refuse(stream)
            except OSError:
                pass  # the client was gone

    async def _let_in(self, stream: trio.SocketStream, peer: str | None) -> None:
        if isinstance(self._address, TlsAddress):
            await self._shake_hands(stream, peer)
        else:
            await self._serve(stream, stream, self._visitor(stream, peer))

    def _visitor(self, stream: trio.SocketStream, peer: str | None) -> Visitor | None:
        """Return what somebody who came in clear has shown by that alone."""
        if isinstance(self._address, UnixAddress):
            found = unix_peer(stream.socket)
            structlog.contextvars.bind_contextvars(peer=f"uid {found.uid}")
            gids = {found.gid, *unix_groups(stream.socket)}
            return self._reception.by_unix(found.uid, gids)
        if self._address.is_loopback:
            return self._reception.by_loopback()
        return self._reception.by_network(peer or THIS_MACHINE)

    async def _shake_hands(self, stream: trio.SocketStream, peer: str | None) -> None:
        tls, host = self._reception.tls, peer or THIS_MACHINE
        assert tls is not None  # noqa: S101 (the configuration sees to it)
        found = await shake_hands(
            stream, tls.context, host, self._reception.peer_log, NOT_CLEAR_HTTP
        )
        if found is not None:
            visitor = self._reception.by_tls(
                host,
                names_in(found.tls.getpeercert()),
                is_at_home=self._address.is_loopback,
            )
            await self._serve(stream, TlsClient(found), visitor)

    async def _serve(
        self,
        transport: trio.SocketStream,
        stream: trio.abc.HalfCloseableStream,
        visitor: Visitor | None,
    ) -> None:
        guest = Guest(
            client=_name(transport.socket.getpeername()),
            server=_name(transport.socket.getsockname()),
            visitor=visitor,
            is_tls=stream is not transport,
        )
        await self._gateway.serve(stream, guest)


def _name(address: Any) -> tuple[str, int] | None:
    """Return host and port; those of Unix sockets have none."""
    return (address[0], address[1]) if isinstance(address, tuple) else None
