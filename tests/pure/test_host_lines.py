"""The registry script's lines: all good, or none taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.hosts.lines import MAX_PROBLEMS, read_hosts, write_hosts
from harpcaller.hosts.registry import Host

LINE: dict[str, Any] = {
    "hostname": "web01",
    "address": "web01.example.net",
    "port": 4306,
    "credentials": {"user": "caller", "password": "canary"},
}
HOST = Host(
    name="web01",
    address=TcpAddress("web01.example.net", 4306),
    user="caller",
    password="canary",  # noqa: S106 (of a test)
)


def line(**changes: Any) -> bytes:
    """Return the good line, changed."""
    return json.dumps(LINE | changes).encode() + b"\n"


def test_a_line_of_the_original_is_a_host() -> None:
    """Scripts written for the original dispatcher work unchanged."""
    assert read_hosts(b"\n" + line() + b"\r\n").hosts == (HOST,)


def test_a_server_name_may_be_given() -> None:
    """A worker known by its IP address has a certificate for its name."""
    listed = read_hosts(line(server_name="web.example.net"))

    assert listed.hosts[0].server_name == "web.example.net"


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (b"canary\n", "line 2: unexpected character"),
        (b'{"hostname": "canary\n', "line 2: "),
        (b"[]\n", 'line 2: field "the line": expected a JSON object'),
        (line(hostname=""), 'line 2: field "hostname"'),
        (line(hostname=7), 'line 2: field "hostname": expected a string'),
        (line(hostname="@harmony"), 'line 2: field "hostname": expected a name'),
        (line(hostname="a\nb"), 'line 2: field "hostname"'),
        (line(hostname="web01"), 'line 2: field "hostname": expected a name that no'),
        (line(hostname="b", address=""), 'line 2: field "address"'),
        (line(hostname="b", port=0), 'line 2: field "port"'),
        (line(hostname="b", port=65536), 'line 2: field "port"'),
        (line(hostname="b", port="4306"), 'line 2: field "port"'),
        (line(hostname="b", port=None), 'line 2: field "port"'),
        (line(hostname="b", credentials=None), 'line 2: field "credentials"'),
        (line(hostname="b", credentials={"user": "x"}), 'line 2: field "password"'),
        (line(hostname="b", adress="x"), 'line 2: unknown field "adress"'),
    ],
)
def test_one_bad_line_spoils_the_list(bad: bytes, complaint: str) -> None:
    """A script that went wrong half way must not make half the hosts unknown."""
    listed = read_hosts(line() + bad + line(hostname="web02"))

    assert listed.hosts == ()
    assert len(listed.problems) == 1
    assert listed.problems[0].startswith(complaint)
    assert "canary" not in listed.problems[0]


def test_a_thousand_bad_lines_give_a_short_complaint() -> None:
    """A script that prints a manual page must not flood the log."""
    listed = read_hosts(b"garbage\n" * 1000)

    assert len(listed.problems) == MAX_PROBLEMS + 1
    assert listed.problems[-1] == f"and {1000 - MAX_PROBLEMS} more lines"


def test_hosts_on_unix_sockets_are_not_written() -> None:
    """They come from the configuration only; the script's format has no place."""
    assert write_hosts([Host(name="here", address=UnixAddress("/run/x"))]) == b""


NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
HOSTS = st.builds(
    Host,
    name=NAMES,
    address=st.builds(TcpAddress, NAMES, st.integers(1, 65535)),
    user=st.text(st.characters(codec="utf-8")),
    password=st.text(st.characters(codec="utf-8")),
    server_name=st.none() | NAMES,
)


@given(st.lists(HOSTS, unique_by=lambda host: host.name))
def test_what_is_written_is_read_again(hosts: list[Host]) -> None:
    """The cache must give back what the script said."""
    assert read_hosts(write_hosts(hosts)).hosts == tuple(hosts)


@given(st.binary())
def test_any_bytes_are_hosts_or_complaints(text: bytes) -> None:
    """The script is a program of somebody else's; nothing it writes may hurt."""
    listed = read_hosts(text)

    assert not (listed.hosts and listed.problems)
