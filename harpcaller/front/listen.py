"""Listening sockets, and the caps on how many clients may come in by them."""

from __future__ import annotations

import errno
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import attrs
import structlog
import trio

from harpcaller import descriptors
from harpcaller.addresses import Address, TcpAddress, UnixAddress
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.front.accept import Meet, accept_for_ever
from harpcaller.front.session import Session, Terms, refuse
from harpcaller.front.timers import Timers
from harpcaller.meters import ClientMeters
from indira import unixsocket

FD_RESERVE = 128  # for the store and the admin socket
MAX_REFUSALS = 32  # clients that are told at a time why they may not come in
BACKLOG = 4096
_UCRED = struct.Struct("iII")  # unix(7), SO_PEERCRED: pid, uid, gid
# A peer that vanished is noticed after 60 + 6 * 10 seconds of silence.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120_000),
)

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Listening:
    """An open socket, the address it really has, and its file if it is one."""

    sock: socket.socket
    address: Address
    bound: unixsocket.BoundSocket | None = None

    def close(self) -> None:
        """Close it, and remove its file."""
        trio.lowlevel.notify_closing(self.sock)
        self.sock.close()
        if self.bound is not None:
            self.bound.remove()


def default_max_connections(max_running: int) -> int:
    """Return how many clients the limit on open files leaves room for.

    Each running job has a connection to its worker. Where there is no room for
    all of both, jobs and clients have half of it each.
    """
    limit = descriptors.limit()
    return max(16, limit - min(FD_RESERVE + max_running, limit // 2))


async def open_listeners(addresses: Sequence[Address]) -> list[Listening]:
    """Listen on all of `addresses`, or on none.

    Raises:
        OSError: an address cannot be had; the message names it.
        SocketTaken: somebody listens on a Unix socket's path already.
    """
    opened: list[Listening] = []
    try:
        for address in addresses:
            if isinstance(address, UnixAddress):
                opened.append(_listen_unix(address))
            else:
                opened += await _listen_tcp(address)
    except BaseException:
        for listening in opened:
            listening.close()
        raise
    return opened


def _listen_unix(address: UnixAddress) -> Listening:
    bound = unixsocket.bind(Path(address.path), backlog=BACKLOG)
    bound.sock.setblocking(False)
    return Listening(sock=bound.sock, address=address, bound=bound)


async def _listen_tcp(address: TcpAddress) -> list[Listening]:
    """Open one socket for each family of the host; port 0 is the same for all."""
    port = address.port
    opened: list[Listening] = []
    host = None if address.host == "*" else address.host
    found = await trio.socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, _, _, _, sockaddr in sorted(found):
        try:
            sock = _bind_tcp(family, (sockaddr[0], port, *sockaddr[2:]))
        except OSError as error:
            if host is None and opened and error.errno == errno.EAFNOSUPPORT:
                continue  # no IPv6 on this machine: "*" is IPv4 alone
            raise OSError(error.errno, f"{address}: {error.strerror}") from error
        port = sock.getsockname()[1]
        told = TcpAddress(str(sockaddr[0]), port)
        opened.append(Listening(sock=sock, address=told))
    return opened


def _bind_tcp(family: int, sockaddr: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option in _KEEPALIVE:  # each connection inherits them: tcp(7)
            sock.setsockopt(*option)
        sock.setblocking(False)
        sock.bind(sockaddr)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


@attrs.frozen(kw_only=True)
class Caps:
    """How many clients may be connected: at all, and from one remote address."""

    max_connections: int
    max_per_peer: int = 256


class Front:
    """Owns the sessions of all line listeners."""

    def __init__(self, dispatcher: Dispatcher, terms: Terms, caps: Caps) -> None:
        self._dispatcher = dispatcher
        self._terms = terms
        self._caps = caps
        self._sessions: set[Session] = set()
        self._peers: Counter[str] = Counter()
        self._refusals = 0
        self._timers = Timers()
        self.meters = ClientMeters()

    def configure(self, terms: Terms, caps: Caps) -> None:
        """Have these hold for the clients that come from now on."""
        self._terms = terms
        self._caps = caps

    @property
    def session_count(self) -> int:
        """How many clients are connected."""
        return len(self._sessions)

    async def serve(
        self, listenings: Sequence[Listening], sessions: trio.Nursery
    ) -> None:
        """Accept clients until cancelled; each is served in the nursery `sessions`."""
        async with trio.open_nursery() as accept:
            for listening in listenings:
                meet = self._meeting(listening.address)
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
        for session in list(self._sessions):
            session.end_if_idle()

    def _meeting(self, address: Address) -> Meet:
        """Return what serves a client who came in by `address`."""
        if isinstance(address, UnixAddress):
            return self._meet_known
        return self._meet if address.is_loopback else self._meet_anybody

    async def _meet(self, stream: trio.SocketStream) -> None:
        """Serve a client, if there is room for it."""
        if len(self._sessions) >= self._caps.max_connections:
            log.warning("session.refused", reason="too many connections")
            await self._refuse(stream, "too many connections; try again later")
            return
        session = Session(
            stream,
            self._dispatcher,
            self._terms,
            self._timers,
            self.meters.refusals,
        )
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    async def _refuse(self, stream: trio.SocketStream, message: str) -> None:
        """Close, and say why, unless many hold a descriptor to be told so."""
        if self._refusals >= MAX_REFUSALS:
            await trio.aclose_forcefully(stream)
            return
        self._refusals += 1
        try:
            await refuse(stream, message, self.meters.refusals)
        finally:
            self._refusals -= 1

    async def _meet_known(self, stream: trio.SocketStream) -> None:
        """Serve a client of a Unix socket."""
        _log_credentials(stream.socket)
        await self._meet(stream)

    async def _meet_anybody(self, stream: trio.SocketStream) -> None:
        """Serve a client who may have come from another machine."""
        peer = _remote_peer(stream.socket)
        if peer is None:
            await self._meet(stream)
        else:
            await self._meet_counted(peer, stream)

    async def _meet_counted(self, peer: str, stream: trio.SocketStream) -> None:
        if self._peers[peer] >= self._caps.max_per_peer:
            log.warning("session.refused", peer=peer, reason="too many from this peer")
            await self._refuse(stream, "too many connections from your address")
            return
        self._peers[peer] += 1
        try:
            await self._meet(stream)
        finally:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]


def _log_credentials(sock: trio.socket.SocketType) -> None:
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(credentials)
    log.info("session.opened", peer="unix", pid=pid, uid=uid, gid=gid)


def _remote_peer(sock: trio.socket.SocketType) -> str | None:
    """Return the address to count by; None for this machine's own."""
    try:
        host = str(sock.getpeername()[0])
    except OSError:
        return "gone"
    is_loopback = host == "::1" or host.startswith(("127.", "::ffff:127."))
    return None if is_loopback else host
