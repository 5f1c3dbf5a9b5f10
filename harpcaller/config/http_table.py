"""The keys of the [http] table of the configuration file."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from harpcaller.config.keys import Key, integer, read_listen

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"  # among proxies: whoever asks by a Unix socket
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


def read_public_url(value: Any, _folder: Path) -> str:
    """Return the URL of a server, as a web browser shows it."""
    expected = "expected https://HOST or http://HOST, perhaps with a port"
    if not isinstance(value, str):
        raise ValueError(expected)  # noqa: TRY004 (one complaint)
    try:
        parts = urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(expected) from None
    is_plain = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(expected)
    if not has_port or not is_plain or parts.username is not None:
        raise ValueError(expected)
    return value


def read_hosts(value: Any, _folder: Path) -> tuple[str, ...]:
    """Return names of hosts, without ports."""
    if not _is_list_of_strings(value) or not all(map(_HOST.fullmatch, value)):
        raise ValueError("expected a list of names of hosts, without ports")
    return tuple(value)


def read_proxies(value: Any, _folder: Path) -> tuple[Network | str, ...]:
    """Return addresses and networks, and `unix` as it is."""
    expected = f'expected a list of IP addresses, networks or "{UNIX}"'
    if not _is_list_of_strings(value):
        raise ValueError(expected)
    try:
        return tuple(
            text if text == UNIX else ipaddress.ip_network(text) for text in value
        )
    except ValueError:
        raise ValueError(expected) from None


def _is_list_of_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


HTTP_KEYS: dict[str, Key] = {
    "listen": Key("http_listen", read_listen),
    "public_url": Key("http_public_url", read_public_url),
    "allowed_hosts": Key("http_allowed_hosts", read_hosts),
    "trusted_proxies": Key("http_trusted_proxies", read_proxies),
    "max_body_bytes": Key("http_max_body_bytes", integer(1024, 64 * 1024 * 1024)),
    "max_followers": Key("http_max_followers", integer(1)),
    "min_free_bytes": Key("http_min_free_bytes", integer(0)),
}
