"""Where a socket is: the two kinds of address that we listen on and connect to."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

import attrs

EXPECTED = '"HOST:PORT", "[IPV6]:PORT", "*:PORT" or "unix:/PATH"'


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


Address: TypeAlias = TcpAddress | UnixAddress


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
