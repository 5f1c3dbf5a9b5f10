"""Where a dispatcher listens: the ways to write it, and the way to connect to it."""

from __future__ import annotations

import os
import re
import socket
from typing import NamedTuple, TypeAlias

DEFAULT_PORT = 3502
DEFAULT_SERVER = f"127.0.0.1:{DEFAULT_PORT}"
SERVER_VARIABLE = "HARPCALLER_SERVER"

_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<bracketed>[^][]+)\]|(?P<host>[^][:/*]+))(?::(?P<port>[0-9]{1,5}))?"
)


class TcpAddress(NamedTuple):
    """A host name or number, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class TlsAddress(NamedTuple):
    """A TCP address where the dispatcher speaks TLS."""

    tcp: TcpAddress

    def __str__(self) -> str:
        return f"tls:{self.tcp}"


class UnixAddress(NamedTuple):
    """The path of a Unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address: TypeAlias = TcpAddress | TlsAddress | UnixAddress


def read_address(text: str) -> Address:
    """Return the address that `text` spells.

    `HOST:PORT`, `[IPv6]:PORT`, `tls:` and one of these, and `unix:PATH`; without a
    port it is 3502.

    Raises:
        ValueError: it spells none.
    """
    if text.startswith("unix:") and len(text) > len("unix:"):
        return UnixAddress(text.removeprefix("unix:"))
    match = _HOST_AND_PORT.fullmatch(text.removeprefix("tls:"))
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise ValueError(
            f"{text!r} is no address of a dispatcher:"
            " expected HOST:PORT, [IPv6]:PORT, tls: and one of these, or unix:PATH"
        )
    tcp = TcpAddress(match["bracketed"] or match["host"], port)
    return TlsAddress(tcp) if text.startswith("tls:") else tcp


def is_loopback(address: TcpAddress) -> bool:
    """Tell whether only this machine can be there; other names count as not."""
    import ipaddress  # noqa: PLC0415 (slow to import, and seldom needed)

    if address.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False


def default_address() -> Address:
    """Return the address in the environment, else the local one.

    Raises:
        ValueError: the environment holds something that is no address.
    """
    try:
        return read_address(os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER)
    except ValueError as error:
        raise ValueError(f"{SERVER_VARIABLE}: {error}") from None


def connect(address: TcpAddress | UnixAddress, timeout_s: float) -> socket.socket:
    """Return a connected socket that notices, in time, when its peer vanishes.

    Raises:
        OSError: nobody listens there, or the name leads nowhere.
    """
    if isinstance(address, UnixAddress):
        return _connect_unix(address, timeout_s)
    peer = socket.create_connection(address, timeout_s)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("IDLE", 60), ("INTVL", 10), ("CNT", 6)):
        # Not every system has all three; without them its own pace applies.
        number = getattr(socket, f"TCP_KEEP{option}", None)
        if number is not None:
            peer.setsockopt(socket.IPPROTO_TCP, number, value)
    return peer


def _connect_unix(address: UnixAddress, timeout_s: float) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(timeout_s)
        peer.connect(address.path)
    except BaseException:
        peer.close()
        raise
    return peer
