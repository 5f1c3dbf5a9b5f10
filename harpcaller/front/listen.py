"""Who may come in by the listening sockets, and how many at a time."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import attrs
import structlog
import trio

from harpcaller import descriptors
from harpcaller.addresses import TlsAddress, UnixAddress
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.front.accept import Meet, accept_for_ever
from harpcaller.front.connected import Clients
from harpcaller.front.entrance import Entrance
from harpcaller.front.farewell import refuse
from harpcaller.front.peers import THIS_MACHINE, remote_peer, unix_groups, unix_peer
from harpcaller.front.session import Session, Shared, Terms
from harpcaller.front.sockets import Listening
from harpcaller.front.timers import Timers
from harpcaller.front.tls import TlsClient, shake_hands
from harpcaller.identities.reception import Reception
from harpcaller.identities.tls import names_in
from harpcaller.identities.visitor import Visitor
from harpcaller.meters import ClientMeters
from protocol.errors import ErrorType, WireError

FD_RESERVE = 128  # for the store and the admin socket
_WEBSOCKET = "harpcaller.front.websocket"  # a tenth of a second, where it is wanted
MAX_REFUSALS = 32  # clients that are told at a time why they may not come in


def default_max_connections(max_running: int) -> int:
    """Return how many clients the limit on open files leaves room for.

    Each running job has a connection to its worker. Where there is no room for
    all of both, jobs and clients have half of it each.
    """
    limit = descriptors.limit()
    return max(16, limit - min(FD_RESERVE + max_running, limit // 2))


@attrs.frozen(kw_only=True)
class Caps:
    """How many clients may be connected: at all, and from one remote address.

    `origins` are those of the web pages that may, by WebSocket.
    """

    max_connections: int
    max_per_peer: int = 256
    origins: frozenset[str] = frozenset()


@attrs.frozen
class _Client:
    """A client who may come in: by which way, his socket, and what speaks with him."""

    entrance: Entrance
    sock: trio.socket.SocketType
    stream: trio.abc.HalfCloseableStream
    visitor: Visitor | None

    @property
    def host(self) -> str:
        """What the log calls the machine that he comes from."""
        if self.entrance.address.is_loopback:
            return THIS_MACHINE
        return remote_peer(self.sock) or THIS_MACHINE


class Front:
    """Owns the sessions of all listeners, and counts who has none yet, or no longer."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        terms: Terms,
        caps: Caps,
        reception: Reception | None = None,
    ) -> None:
        self._terms = terms
        self._caps = caps
        self._reception = reception or Reception()
        self.clients = Clients()
        self._strangers = 0  # clients that shake hands, or are being left
        self._peers: Counter[str] = Counter()
        self._refusals = 0
        self._timers = Timers()
        self.meters = ClientMeters()
        self._shared = Shared(dispatcher, self._timers, self.meters.refusals)

    def configure(self, terms: Terms, caps: Caps) -> None:
        """Have these hold for the clients that come from now on."""
        self._terms = terms
        self._caps = caps

    async def serve(
        self,
        listenings: Sequence[Listening],
        sessions: trio.Nursery,
        websockets: Sequence[Listening] = (),
    ) -> None:
        """Accept clients until cancelled; each is served in the nursery `sessions`.

        Those who come in by `websockets` send messages, the others lines.
        """
        if websockets:
            importlib.import_module(_WEBSOCKET)  # before there is anybody to wait
        async with trio.open_nursery() as accept:
            for listening in (*listenings, *websockets):
                has_messages = listening in websockets
                meet = self._meeting(
                    Entrance(address=listening.address, has_messages=has_messages)
                )
                accept.start_soon(
                    accept_for_ever,
                    listening.sock,
                    meet,
                    sessions,
                    self.meters.accepts,
                )

    async def keep_time(self) -> None:
        """End the sessions whose clients keep us waiting, until cancelled."""
        await self._timers.run()

    def end_idle(self) -> None:
        """Close the sessions that ask nothing; answers under way go on."""
        for client in self.clients:
            client.session.end_if_idle()

    def _meeting(self, entrance: Entrance) -> Meet:
        """Return what serves a client who came in by `entrance`."""
        if isinstance(entrance.address, TlsAddress):
            return partial(self._meet_by_tls, entrance)
        if isinstance(entrance.address, UnixAddress):
            return partial(self._meet_known, entrance)
        if entrance.address.is_loopback:
            return partial(self._meet_neighbour, entrance)
        return partial(self._meet_anybody, entrance)

    async def _meet_known(self, entrance: Entrance, stream: trio.SocketStream) -> None:
        """Serve a client of a Unix socket."""
        peer = unix_peer(stream.socket)
        name = f"uid {peer.uid}"
        _bind(name)
        self._reception.peer_log.note(
            "session.opened", name, pid=peer.pid, uid=peer.uid, gid=peer.gid
        )
        visitor = None
        if not self._reception.identities.is_empty:
            gids = {peer.gid, *unix_groups(stream.socket)}
            visitor = self._reception.by_unix(peer.uid, gids)
        await self._meet(entrance, stream, visitor)

    async def _meet_neighbour(
        self, entrance: Entrance, stream: trio.SocketStream
    ) -> None:
        """Serve a client of this machine."""
        _bind(THIS_MACHINE)
        await self._meet(entrance, stream, self._reception.by_loopback())

    async def _meet_anybody(
        self, entrance: Entrance, stream: trio.SocketStream
    ) -> None:
        """Serve a client who may have come from another machine."""
        peer = remote_peer(stream.socket)
        _bind(peer or THIS_MACHINE)
        visitor = self._reception.by_network(peer or THIS_MACHINE)
        if peer is None:
            await self._meet(entrance, stream, visitor)
        elif self._has_room_for(peer):
            with self._counting(peer):
                await self._meet(entrance, stream, visitor)
        else:
            message = "too many connections from your address"
            await self._refuse(entrance, stream, message)

    async def _meet_by_tls(self, entrance: Entrance, stream: trio.SocketStream) -> None:
        """Serve a client who begins with a handshake."""
        peer = remote_peer(stream.socket)
        _bind(peer or THIS_MACHINE)
        if peer is None:
            await self._shake_hands(THIS_MACHINE, entrance, stream)
        elif self._has_room_for(peer):
            with self._counting(peer):
                await self._shake_hands(peer, entrance, stream)

    async def _shake_hands(
        self, host: str, entrance: Entrance, stream: trio.SocketStream
    ) -> None:
        """Serve a client once keys are agreed on; who is refused is not told why."""
        tls = self._reception.tls
        assert tls is not None  # noqa: S101 (the configuration sees to it)
        if self._is_full():
            return
        with self._counting_stranger():
            peer_log = self._reception.peer_log
            found = await shake_hands(
                stream, tls.context, host, peer_log, entrance.not_clear
            )
        if found is not None:
            names = names_in(found.tls.getpeercert())
            visitor = self._reception.by_tls(
                host, names, is_at_home=entrance.address.is_loopback
            )
            client = _Client(entrance, stream.socket, TlsClient(found), visitor)
            await self._converse(client)

    async def _meet(
        self, entrance: Entrance, stream: trio.SocketStream, visitor: Visitor | None
    ) -> None:
        """Serve a client, if there is room for it."""
        if self._is_full():
            await self._refuse(
                entrance, stream, "too many connections; try again later"
            )
        else:
            await self._converse(_Client(entrance, stream.socket, stream, visitor))

    async def _converse(self, client: _Client) -> None:
        """Serve a client for whom there is room, and whom we can understand."""
        if client.entrance.has_messages:
            await self._converse_by_messages(client)
        else:
            session = Session(client.stream, self._shared, self._terms, client.visitor)
            await self._hold(client, session)

    async def _converse_by_messages(self, client: _Client) -> None:
        """Serve a client in a session from the start, once it speaks in messages."""
        from harpcaller.front import websocket  # noqa: PLC0415 (see above)

        async def converse(messages: websocket.Messages) -> None:
            terms = self._terms.of_session()
            session = Session(messages, self._shared, terms, client.visitor)
            messages.when_gone(session.desert)
            shaking_hands.close()
            await self._hold(client, session)
            being_left.enter_context(self._counting_stranger())

        manner = websocket.Manner(
            origins=self._caps.origins,
            max_message_bytes=self._terms.bounds.max_line_bytes,
            send_timeout_s=self._terms.send_timeout_s,
            refusals=self.meters.refusals,
            peer_log=self._reception.peer_log,
            is_stopping=lambda: self._shared.dispatcher.is_stopping,
        )
        with ExitStack() as being_left, ExitStack() as shaking_hands:
            shaking_hands.enter_context(self._counting_stranger())
            await websocket.serve(client.stream, manner, client.host, converse)

    async def _hold(self, client: _Client, session: Session) -> None:
        """Run a session; it is told among those of clients meanwhile."""
        number = self.clients.add(client.entrance, client.sock, session)
        try:
            await session.run()
        finally:
            self.clients.remove(number)

    def _is_full(self) -> bool:
        """Tell, and log, that there is no room for one more."""
        if len(self.clients) + self._strangers < self._caps.max_connections:
            return False
        self._reception.peer_log.warn("session.refused", "any", code="full")
        return True

    def _has_room_for(self, peer: str) -> bool:
        """Tell whether one more may come from `peer`; log that not."""
        if self._peers[peer] < self._caps.max_per_peer:
            return True
        self._reception.peer_log.warn("session.refused", peer, code="too_many")
        return False

    async def _refuse(
        self, entrance: Entrance, stream: trio.SocketStream, message: str
    ) -> None:
        """Close, and say why, unless many hold a descriptor to be told so."""
        if self._refusals >= MAX_REFUSALS:
            await trio.aclose_forcefully(stream)
            return
        self._refusals += 1
        try:
            error = WireError(ErrorType.OVERLOADED, message)
            line = self.meters.refusals.line(error)
            await refuse(stream, entrance.refusal(line))
        finally:
            self._refusals -= 1

    @contextmanager
    def _counting_stranger(self) -> Iterator[None]:
        self._strangers += 1
        try:
            yield
        finally:
            self._strangers -= 1

    @contextmanager
    def _counting(self, peer: str) -> Iterator[None]:
        self._peers[peer] += 1
        try:
            yield
        finally:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]


def _bind(peer: str) -> None:
    """Have all lines of this task say with whom it speaks."""
    structlog.contextvars.bind_contextvars(peer=peer)
