"""Where dispatchers connect: TCP with TLS, and Unix sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.worker.settings import Settings, SettingsError
from indira import unixsocket
from protocol.harp import ALPN_PROTOCOL

_BACKLOG = 1024
_OWN_ONLY = 0o600
_GROUP = 0o660
# A dispatcher that lost its power says nothing: found out after two minutes.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return the context of this worker's certificate, offering the extension.

    Raises:
        SettingsError: certificate or key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN_PROTOCOL])
    try:
        context.load_cert_chain(settings.cert_file or "", settings.key_file)
    except OSError as error:  # an SSLError is one
        raise SettingsError(f'"cert_file", "key_file": {error}') from None
    if settings.client_ca_file is not None:
        _want_client_certificates(context, settings.client_ca_file)
    return context


def _want_client_certificates(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        raise SettingsError(f'"client_ca_file": {error}') from None
    context.verify_mode = ssl.CERT_REQUIRED


async def listen_tcp(address: TcpAddress) -> list[trio.SocketListener]:
    """Return listeners for `address`, one for each family.

    Raises:
        SettingsError: the address cannot be used.
    """
    host = None if address.host == "*" else address.host
    try:
        return await trio.open_tcp_listeners(address.port, host=host, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(f'"listen": {address}: {error}') from None


@contextmanager
def listen_unix(
    address: UnixAddress, group: str | None
) -> Iterator[trio.SocketListener]:
    """Listen at a path while the block runs; our user can connect to it, or a group.

    Raises:
        SettingsError: the path cannot be used, or somebody listens there.
    """
    try:
        bound = unixsocket.bind(
            Path(address.path),
            mode=_OWN_ONLY if group is None else _GROUP,
            group=group,
            backlog=_BACKLOG,
        )
    except LookupError:
        raise SettingsError(f'"listen_group": no group "{group}"') from None
    except (OSError, unixsocket.SocketTaken) as error:
        raise SettingsError(f'"listen": {error}') from None
    try:
        yield trio.SocketListener(trio.socket.from_stdlib_socket(bound.sock))
    finally:
        bound.sock.close()
        bound.remove()


def spell(listener: trio.SocketListener) -> str:
    """Return where `listener` listens, in the words of the settings."""
    name = listener.socket.getsockname()
    if isinstance(name, str):
        return str(UnixAddress(name))
    return str(TcpAddress(name[0], name[1]))


def keep_alive(stream: trio.SocketStream) -> None:
    """Have the kernel ask a silent peer whether it is still there."""
    for level, option, value in _KEEPALIVE:
        stream.setsockopt(level, option, value)


def peer_of(stream: trio.SocketStream) -> TcpAddress:
    """Return where a TCP peer is, for the log."""
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:  # it went before we looked
        return TcpAddress("gone", 0)
    return TcpAddress(host, port)
