"""The [hosts.NAME] tables of the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harpcaller.addresses import Address, TcpAddress, read_address
from harpcaller.config.keys import (
    Read,
    read_boolean,
    read_file,
    read_path,
    read_port,
    read_string,
)
from harpcaller.config.problems import Problem, unknown_key
from harpcaller.hosts.lines import complain_of_name
from harpcaller.hosts.registry import DEFAULT_PORT, Host
from harpcaller.rights import complain_if_writable

MAX_PASSWORD_BYTES = 4096


def _read_text(value: Any, _folder: Path) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")  # noqa: TRY004 (one complaint)
    return value


def _read_socket_path(value: Any, folder: Path) -> Address:
    return read_address(f"unix:{read_path(value, folder)}")


def read_secret_file(value: Any, folder: Path) -> str:
    """Return the text of a file that only its owner may write."""
    path = read_file(value, folder)
    try:
        untrusted = complain_if_writable(path)
        with path.open("rb") as file:
            secret = file.read(MAX_PASSWORD_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if untrusted is not None:
        raise ValueError(untrusted)
    if len(secret) > MAX_PASSWORD_BYTES:
        raise ValueError(f"expected a file of up to {MAX_PASSWORD_BYTES} bytes")
    try:
        return secret.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("expected a file of UTF-8 text") from None


HOST_KEYS: dict[str, Read] = {
    "address": read_string,
    "port": read_port,
    "unix": _read_socket_path,
    "user": _read_text,
    "password": _read_text,
    "password_file": read_secret_file,
    "harp2": read_boolean,
    "server_name": read_string,
}
# What excludes what, and why.
_CLASHES = (
    ("address", "unix", "a host is at an address or at a Unix socket, not at both"),
    ("port", "unix", "a Unix socket has no port"),
    ("server_name", "unix", "a Unix socket has no certificate"),
    ("harp2", "address", "over TLS the handshake agrees on it"),
    ("password", "password_file", "a password is given once"),
)


def read_host_tables(
    value: Any, folder: Path
) -> tuple[tuple[Host, ...], tuple[Problem, ...]]:
    """Return the hosts of the tables, and what is wrong with the others."""
    if not isinstance(value, dict):
        return (), (Problem(key="hosts", message="expected tables [hosts.NAME]"),)
    hosts: list[Host] = []
    problems: list[Problem] = []
    for name, table in value.items():
        found = _read_host(name, table, folder)
        if isinstance(found, Host):
            hosts.append(found)
        else:
            problems += found
    return tuple(hosts), tuple(problems)


def _read_host(name: str, table: Any, folder: Path) -> Host | list[Problem]:
    key = f"hosts.{name}"
    expected = complain_of_name(name)
    if expected is not None:
        return [Problem(key=key, message=f"expected {expected}")]
    if not isinstance(table, dict):
        return [Problem(key=key, message=f"expected a table [{key}]")]
    problems = _clashes(key, table)
    values: dict[str, Any] = {}
    for field, value in table.items():
        read = HOST_KEYS.get(field)
        if read is None:
            problems.append(unknown_key(f"{key}.{field}", field, HOST_KEYS))
            continue
        try:
            values[field] = read(value, folder)
        except ValueError as error:
            problems.append(Problem(key=f"{key}.{field}", message=str(error)))
    return problems or _host(name, values)


def _clashes(key: str, table: dict[str, Any]) -> list[Problem]:
    problems = [
        Problem(key=f"{key}.{one}", message=f'not with "{other}": {why}')
        for one, other, why in _CLASHES
        if one in table and other in table
    ]
    if "address" not in table and "unix" not in table:
        problems.append(Problem(key=key, message='expected "address" or "unix"'))
    return problems


def _host(name: str, values: dict[str, Any]) -> Host:
    address: Address
    if "unix" in values:
        address = values["unix"]
    else:
        address = TcpAddress(values["address"], values.get("port", DEFAULT_PORT))
    return Host(
        name=name,
        address=address,
        user=values.get("user", ""),
        password=values.get("password", values.get("password_file", "")),
        harp2=values.get("harp2", False),
        server_name=values.get("server_name"),
    )
