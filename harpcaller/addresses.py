"""Where a socket is: the kinds of address that we listen on and connect to."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

import attrs

EXPECTED = '"HOST:PORT", "[IPV6]:PORT", "*:PORT" or "unix:/PATH"'
EXPECTED_LISTEN = f'{EXPECTED}, before a TCP one "tls:" if clients speak TLS there'
_TLS = "tls:"


@attrs.frozen
class TcpAddress:
    """A host name or IP address, and a port; the host "*" is every interface."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the spelling that `read_address` reads."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else self._plain()

    def _plain(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it; other names count as not."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@attrs.frozen
class UnixAddress:
    """The path of a Unix socket."""

    path: str

    is_loopback = True

    def __str__(self) -> str:
        """Return the spelling that `read_address` reads."""
        return f"unix:{self.path}"


@attrs.frozen
class TlsAddress:
    """A TCP address where clients have to begin with TLS."""

    tcp: TcpAddress

    def __str__(self) -> str:
        """Return the spelling that `read_listen_address` reads."""
        return f"{_TLS}{self.tcp}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it."""
        return self.tcp.is_loopback


Address: TypeAlias = TcpAddress | UnixAddress
ListenAddress: TypeAlias = Address | TlsAddress


def read_listen_address(text: str) -> ListenAddress:
    """Return the address for clients that `text` spells: as below, or `tls:` and it.

    Raises:
        ValueError: it spells none; the message says what was expected.
    """
    if not text.startswith(_TLS):
        return read_address(text)
    address = read_address(text.removeprefix(_TLS))
    if isinstance(address, UnixAddress):
        raise ValueError(f"expected {EXPECTED_LISTEN}")  # noqa: TRY004 (a spelling)
    return TlsAddress(address)


def read_address(text: str) -> Address:
    """Return the address that `text` spells; port 0 is any free one.

    Raises:
        ValueError: it spells none; the message says what was expected.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        # sun_path has 108 bytes, the last one a NUL: unix(7)
        if not path or "\0" in path or len(path.encode()) > 107:
            raise ValueError("expected a path of 1 to 107 bytes after unix:")
        return UnixAddress(path)
    host, colon, port = text.rpartition(":")
    if not colon or not _is_port(port):
        raise ValueError(f"expected {EXPECTED}, the port from 0 to 65535")
    return TcpAddress(_read_host(host), int(port))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _read_host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return str(ipaddress.IPv6Address(text[1:-1]))
    if not text or ":" in text or text != text.strip():
        raise ValueError(f"expected {EXPECTED}")
    return text
