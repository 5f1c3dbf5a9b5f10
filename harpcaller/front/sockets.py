"""Listening sockets: opened by us, or by systemd before us."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from harpcaller.addresses import (
    ListenAddress,
    TcpAddress,
    TlsAddress,
    UnixAddress,
)
from indira import unixsocket
from indira.activation import Activation

BACKLOG = 4096
# The names of sockets that systemd may pass: FileDescriptorName= in socket units.
CLIENT, CLIENT_TLS, WEB, ADMIN = "client", "client-tls", "web", "admin"
WEB_TLS = "web-tls"
WEBSOCKET, WEBSOCKET_TLS = "ws", "ws-tls"
NAMES = (CLIENT, CLIENT_TLS, WEB, WEB_TLS, WEBSOCKET, WEBSOCKET_TLS, ADMIN)
# A peer that vanished is noticed after 60 + 6 * 10 seconds of silence.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120_000),
)


@attrs.frozen(kw_only=True)
class Listening:
    """An open socket, the address it really has, and its file if it is one."""

    sock: socket.socket
    address: ListenAddress
    bound: unixsocket.BoundSocket | None = None

    def close(self) -> None:
        """Close it, and remove its file."""
        trio.lowlevel.notify_closing(self.sock)
        self.sock.close()
        if self.bound is not None:
            self.bound.remove()


@attrs.frozen
class Passed:
    """Sockets that were opened before us, and the name of those that are for us."""

    name: str = CLIENT
    activation: Activation = attrs.field(factory=Activation)

    def by_tls(self) -> Passed:
        """Return the same for those where TLS is spoken."""
        return Passed(f"{self.name}-tls", self.activation)


async def open_listeners(
    addresses: Sequence[ListenAddress], passed: Passed | None = None
) -> list[Listening]:
    """Listen on all of `addresses`, or on none; what was passed is open already.

    Raises:
        OSError: an address cannot be had; the message names it.
        SocketTaken: somebody listens on a Unix socket's path already.
    """
    opened: list[Listening] = []
    passed = passed or Passed()
    try:
        for address in addresses:
            if isinstance(address, UnixAddress):
                opened.append(_listen_unix(address, passed))
            elif isinstance(address, TlsAddress):
                found = await _listen_tcp(address.tcp, passed.by_tls())
                opened += [_by_tls(one) for one in found]
            else:
                opened += await _listen_tcp(address, passed)
    except BaseException:
        for listening in opened:
            listening.close()
        raise
    return opened


def _listen_unix(address: UnixAddress, passed: Passed) -> Listening:
    sock = passed.activation.take_file(passed.name, address.path)
    if sock is not None:  # its file is systemd's
        return Listening(sock=sock, address=address)
    bound = unixsocket.bind(Path(address.path), backlog=BACKLOG)
    bound.sock.setblocking(False)
    return Listening(sock=bound.sock, address=address, bound=bound)


def _by_tls(listening: Listening) -> Listening:
    assert isinstance(listening.address, TcpAddress)  # noqa: S101 (by `_listen_tcp`)
    return attrs.evolve(listening, address=TlsAddress(listening.address))


async def _listen_tcp(address: TcpAddress, passed: Passed) -> list[Listening]:
    """Open one socket for each family of the host; port 0 is the same for all."""
    port = address.port
    opened: list[Listening] = []
    host = None if address.host == "*" else address.host
    found = await trio.socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    for family, _, _, _, sockaddr in sorted(found):
        at = (sockaddr[0], port, *sockaddr[2:])
        taken = passed.activation.take_tcp(passed.name, family, at)
        try:
            sock = _bind_tcp(family, at) if taken is None else _set_up(taken)
        except OSError as error:
            if host is None and opened and error.errno == errno.EAFNOSUPPORT:
                continue  # no IPv6 on this machine: "*" is IPv4 alone
            raise OSError(error.errno, f"{address}: {error.strerror}") from error
        port = sock.getsockname()[1]
        told = TcpAddress(str(sockaddr[0]), port)
        opened.append(Listening(sock=sock, address=told))
        if sock.family != family:
            break  # systemd's one of IPv6 takes IPv4 too
    return opened


def _bind_tcp(family: int, sockaddr: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _set_up(sock)
        sock.bind(sockaddr)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _set_up(sock: socket.socket) -> socket.socket:
    for option in _KEEPALIVE:  # each connection inherits them: tcp(7)
        sock.setsockopt(*option)
    sock.setblocking(False)
    return sock
