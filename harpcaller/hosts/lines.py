"""The lines that a registry script writes, and the same lines in the cache: pure."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import orjson

from harpcaller.addresses import TcpAddress
from harpcaller.hosts.registry import Host
from protocol.errors import WireError
from protocol.fields import Fields, refuse, refuse_unknown, take_count, take_string
from protocol.jsontext import JsonValue, decode

MAX_NAME_CHARACTERS = 253  # as many as a name in the DNS has
MAX_PROBLEMS = 20  # a script that writes no JSON at all need not fill the log

_FIELDS = ("hostname", "address", "port", "credentials", "server_name")
_CREDENTIALS = ("user", "password")


@attrs.frozen(kw_only=True)
class Listed:
    """The hosts of a list, or what is wrong with it by line number: never both."""

    hosts: tuple[Host, ...] = ()
    problems: tuple[str, ...] = ()


def read_hosts(text: bytes) -> Listed:
    """Return the hosts that `text` lists, one JSON object a line; blanks are skipped.

    A message never has a value of a line in it, only names of fields: the lines hold
    passwords.
    """
    hosts: dict[str, Host] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            host = _read_host(decode(line))
            if host.name in hosts:
                refuse("hostname", "a name that no other line has")
        except WireError as error:
            problems.append(f"line {number}: {error.message}")
        else:
            hosts[host.name] = host
    if problems:
        return Listed(problems=_shortened(problems))
    return Listed(hosts=tuple(hosts.values()))


def write_hosts(hosts: Iterable[Host]) -> bytes:
    """Return the lines that `read_hosts` reads; hosts on Unix sockets are left out."""
    return b"".join(
        orjson.dumps(_fields(host, host.address)) + b"\n"
        for host in hosts
        if isinstance(host.address, TcpAddress)
    )


def complain_of_name(name: str) -> str | None:
    """Return what a host's name must be, None if this one is."""
    if name.startswith("@"):
        return 'a name without "@" before it: that is for adapters'
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        return f"a name of 1 to {MAX_NAME_CHARACTERS} printable characters"
    return None


def _read_host(value: JsonValue) -> Host:
    fields = _take_object(value, "a JSON object", _FIELDS)
    credentials = _take_object(
        fields.get("credentials"), "an object with user and password", _CREDENTIALS
    )
    name = take_string(fields, "hostname")
    complaint = complain_of_name(name)
    if complaint is not None:
        refuse("hostname", complaint)
    address = take_string(fields, "address")
    if not address or not address.isprintable():
        refuse("address", "a host name or an IP address")
    port = take_count(fields, "port", least=1, most=65535)
    if port is None:
        refuse("port", "an integer from 1 to 65535")
    server_name = fields.get("server_name")
    return Host(
        name=name,
        address=TcpAddress(address, port),
        user=take_string(credentials, "user"),
        password=take_string(credentials, "password"),
        server_name=None if server_name is None else take_string(fields, "server_name"),
    )


def _take_object(value: JsonValue, expected: str, known: tuple[str, ...]) -> Fields:
    if not isinstance(value, dict):
        refuse("credentials" if known is _CREDENTIALS else "the line", expected)
    refuse_unknown(value, known)
    return value


def _fields(host: Host, address: TcpAddress) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = {
        "hostname": host.name,
        "address": address.host,
        "port": address.port,
        "credentials": {"user": host.user, "password": host.password},
    }
    if host.server_name is not None:
        fields["server_name"] = host.server_name
    return fields


def _shortened(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - MAX_PROBLEMS
    if more <= 0:
        return tuple(problems)
    return (*problems[:MAX_PROBLEMS], f"and {more} more lines")
