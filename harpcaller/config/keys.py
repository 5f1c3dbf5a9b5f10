"""The keys of the configuration file: what each may be, and the setting it becomes."""

from __future__ import annotations

import grp
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from harpcaller.addresses import (
    EXPECTED_LISTEN,
    ListenAddress,
    read_listen_address,
)

_CREDENTIAL = "credential:"
Read = Callable[[Any, Path], Any]
"""Turns a TOML value into a setting; relative paths start from the folder given.

Raises ValueError with what was expected. It never repeats the value: there are
passwords among them.
"""


@attrs.frozen
class Key:
    """A key of the file: its setting, and how it is read."""

    setting: str
    read: Read


def read_string(value: Any, _folder: Path) -> str:
    """Return a string without control characters, not empty."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("expected a string, not empty")
    return value


def read_url(value: Any, folder: Path) -> str:
    """Return the address of an HTTP server."""
    url = read_string(value, folder)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected http://HOST[:PORT] or https://HOST[:PORT]")
    return url


def read_path(value: Any, folder: Path) -> Path:
    """Return an absolute path."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("expected a path in quotes")
    return folder / value


def read_file(value: Any, folder: Path) -> Path:
    """Return the path of a file that is read: `credential:NAME` is one of systemd's."""
    path = read_path(value, folder)
    name = value.removeprefix(_CREDENTIAL)
    if name == value:
        return path
    if "/" in name or name in {"", ".", ".."}:
        raise ValueError("expected the name of a credential")
    held = os.environ.get("CREDENTIALS_DIRECTORY")  # systemd.exec(5), LoadCredential=
    if held is None:
        raise ValueError(f"expected systemd to pass it: LoadCredential={name}:PATH")
    return Path(held, name)


def read_boolean(value: Any, _folder: Path) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError("expected true or false")  # noqa: TRY004 (one complaint)
    return value


def read_group(value: Any, _folder: Path) -> int:
    """Return the number of a group of this machine."""
    try:
        return grp.getgrnam(value).gr_gid
    except (KeyError, TypeError, ValueError):
        raise ValueError("expected the name of a group of this machine") from None


def read_port(value: Any, folder: Path) -> int:
    """Return a port that can be connected to."""
    port: int = integer(1, 65535)(value, folder)
    return port


def integer(least: int, most: int = 2**53) -> Read:
    """Return a reader of integers within bounds."""
    expected = f"an integer of at least {least}"
    if most < 2**53:
        expected = f"an integer from {least} to {most}"

    def read(value: Any, _folder: Path) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"expected {expected}")
        return value

    return read


def duration(unit: str, unit_s: float = 1, *, may_be_none: bool = False) -> Read:
    """Return a reader of durations given in `unit`, returned in seconds.

    They are above 0, or with `may_be_none` 0 too.
    """
    expected = f"a number of {unit} {'from 0 on' if may_be_none else 'above 0'}"

    def read(value: Any, _folder: Path) -> float:
        is_number = type(value) in {int, float} and math.isfinite(value)
        if not is_number or not 0 <= value <= MAX_DURATION_S:
            raise ValueError(f"expected {expected}")
        if value == 0 and not may_be_none:
            raise ValueError(f"expected {expected}")
        seconds: float = value * unit_s
        return seconds

    return read


def read_listen(value: Any, _folder: Path) -> tuple[ListenAddress, ...]:
    """Return the addresses of a string or of a list of strings."""
    texts = [value] if isinstance(value, str) else value
    is_list = isinstance(texts, list) and texts
    if not is_list or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"expected {EXPECTED_LISTEN}; or a list of such strings")
    addresses = tuple(read_listen_address(text) for text in texts)
    if len(set(addresses)) < len(addresses):
        raise ValueError("expected each address once")
    return addresses


MAX_DURATION_S = 10**9  # about 30 years: longer is the same as for ever
_SECONDS = duration("seconds")
_LINE_BYTES = integer(1024, 64 * 1024 * 1024)

KEYS: dict[str, Key] = {
    "listen": Key("listen", read_listen),
    "insecure_no_auth": Key("insecure_no_auth", read_boolean),
    "cert_file": Key("cert_file", read_file),
    "key_file": Key("key_file", read_file),
    "client_ca_file": Key("client_ca_file", read_file),
    "require_identity": Key("require_identity", read_boolean),
    "state_dir": Key("state_dir", read_path),
    "admin_group": Key("admin_gid", read_group),
    "reserve_bytes": Key("reserve_bytes", integer(0)),
    "max_age": Key("max_age_s", duration("hours", 3600)),
    "default_timeout": Key("default_timeout_s", _SECONDS),
    "max_exec_time": Key("max_exec_s", _SECONDS),
    "max_running": Key("max_running", integer(1)),
    "max_queued": Key("max_queued", integer(1)),
    "log_file": Key("log_file", read_path),
    "stop_grace_s": Key("stop_grace_s", duration("seconds", may_be_none=True)),
    "linger_s": Key("linger_s", _SECONDS),
    "idle_s": Key("idle_s", _SECONDS),
    "first_line_s": Key("first_line_s", _SECONDS),
    "send_timeout_s": Key("send_timeout_s", _SECONDS),
    "max_line_bytes": Key("max_line_bytes", _LINE_BYTES),
    "max_pending": Key("max_pending", integer(1)),
    "max_connections": Key("max_connections", integer(0)),
    "max_connections_per_peer": Key("max_connections_per_peer", integer(1)),
    "ca_file": Key("ca_file", read_file),
    "known_certs_file": Key("known_certs_file", read_file),
    "verify_hostname": Key("verify_hostname", read_boolean),
    "max_worker_line_bytes": Key("max_worker_line_bytes", _LINE_BYTES),
    "host_db": Key("host_db", read_path),
    "host_db_script": Key("host_db_script", read_path),
    "host_db_refresh": Key("host_db_refresh_s", _SECONDS),
    "host_db_timeout": Key("host_db_timeout_s", _SECONDS),
}
# Keys of the original's that mean nothing here, and why.
IGNORED = {
    "log_handlers": "ignored: log lines go to the standard error",
    "erlang": "ignored: there is no Erlang here",
}
STREAM_DIRECTORY = "stream_directory"  # the original's name for state_dir
TABLES = ("hosts", "http", "identities", "reporters", "websocket")
ADAPTERS = "adapters"
