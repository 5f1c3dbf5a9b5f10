"""How a dispatcher is, as its administrator sees it: limits, and who is connected."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from admin_verbs import SLEEP, admin, rows, silent_daemon
from daemon_process import DaemonProcess
from guarded_daemon import guarded_daemon, with_token

from indira.client import AdminClient

SOON_S = 15
HELP = b"help\n"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """A dispatcher that runs one job at a time."""
    with silent_daemon(tmp_path, {"max_running": 1, "max_pending": 7}) as daemon:
        yield daemon


def say(client: socket.socket, **request: Any) -> None:
    """Send a request, and read no answer."""
    client.sendall(json.dumps({"harpcaller": 1, **request}).encode() + b"\n")


def connections(daemon: DaemonProcess) -> list[dict[str, Any]]:
    """Return who is connected."""
    return rows(daemon, "connections")


def eventually(daemon: DaemonProcess, *states: str) -> list[dict[str, Any]]:
    """Return who is connected, once they are in these states."""
    deadline = time.monotonic() + SOON_S
    while sorted(one["state"] for one in connections(daemon)) != sorted(states):
        assert time.monotonic() < deadline, connections(daemon)
    return connections(daemon)


def test_limits_are_told_with_their_use(daemon: DaemonProcess) -> None:
    """Whoever wonders why a call waits sees which limit it has met."""
    for _ in range(3):
        daemon.ask(SLEEP)
    with daemon.connect():
        [limits] = rows(daemon, "limits", "--json")

    assert (limits["max_running"], limits["max_pending"]) == (1, 7)
    assert (limits["running"], limits["queued"]) == (1, 2)
    assert limits["connections"] == 1
    assert 0 < limits["open_files"] < limits["max_open_files"]
    assert 16 <= limits["max_connections"] < limits["max_open_files"]


def test_limits_for_people_are_a_name_and_a_value_a_line(daemon: DaemonProcess) -> None:
    """They are read by awk as often as by eyes."""
    [limits] = rows(daemon, "limits", "--json")
    told = dict(line.split() for line in admin(daemon, "limits").stdout.splitlines())

    assert told.keys() == limits.keys()
    assert told["max_exec_time"] == str(limits["max_exec_time"])


def test_a_reload_shows_in_the_limits(daemon: DaemonProcess) -> None:
    """They are those in force, not those of the start."""
    text = daemon.config.read_text()
    daemon.config.write_text(text.replace("max_pending = 7", "max_pending = 9"))
    admin(daemon, "reload")

    assert rows(daemon, "limits", "--json")[0]["max_pending"] == 9


def test_each_client_is_told_with_what_he_does(daemon: DaemonProcess) -> None:
    """A dispatcher that is full of somebody's connections is told apart."""
    job_id = daemon.ask(SLEEP)["job_id"]
    with daemon.connect() as idle, daemon.connect() as waiting:
        follower = socket.create_connection(("127.0.0.1", daemon.port), SOON_S)
        with follower, daemon.connect(SOON_S) as deaf:
            say(idle, hello=True, session=True)
            say(waiting, get_result=job_id, wait=True)
            say(follower, follow_stream=job_id)
            fill(deaf)
            found = eventually(daemon, "idle", "waiting", "following", "asking")
            port = follower.getsockname()[1]

    told = {one["state"]: one for one in found}
    jobs = {state: one.get("job") for state, one in told.items()}
    assert jobs == {
        "idle": None,
        "waiting": job_id,
        "following": job_id,
        "asking": None,
    }
    assert told["idle"]["peer"] == {"uid": os.getuid(), "pid": os.getpid()}
    assert told["following"]["peer"] == {"address": "127.0.0.1", "port": port}
    assert told["waiting"]["listener"] == f"unix:{daemon.call_socket}"
    assert told["following"]["listener"] == f"127.0.0.1:{daemon.port}"
    assert all(abs(time.time() - one["since"]) < SOON_S for one in found)


def fill(client: socket.socket) -> None:
    """Ask until no answer fits between us, and take none."""
    client.settimeout(0.5)
    with suppress(TimeoutError):
        while True:
            client.sendall(HELP * 100)


def test_a_number_stays_a_clients(daemon: DaemonProcess) -> None:
    """What was seen a minute ago is found again, page after page."""
    with ExitStack() as stack:
        clients = []
        for count in (1, 2, 3):  # those that come at once may be taken in in any order
            clients.append(stack.enter_context(daemon.connect()))
            eventually(daemon, *["idle"] * count)
        first, _, third = numbers(daemon)
        clients[1].close()
        eventually(daemon, *["idle"] * 2)
        with daemon.connect():
            eventually(daemon, *["idle"] * 3)
            left = numbers(daemon)

    assert left[:2] == [first, third]
    assert left[2] > third


def numbers(daemon: DaemonProcess) -> list[int]:
    """Return the numbers of all clients, asked one a page."""
    found: list[int] = []
    after: str | None = None
    with AdminClient(daemon.admin_socket, timeout_s=SOON_S) as client:
        while True:
            page = client.send("connections", limit=1, after=after)
            found += [one["connection"] for one in page["connections"]]
            after = page["after"]
            if after is None:
                return found


def test_a_made_up_page_is_refused(daemon: DaemonProcess) -> None:
    """As for every other list."""
    with AdminClient(daemon.admin_socket, timeout_s=SOON_S) as client:
        reply = client.send("connections", after="x")

    assert (reply["result"], "no page" in reply["message"]) == ("error", True)


def test_who_has_proved_who_he_is_is_named(tmp_path: Path) -> None:
    """By TLS too; the secret is nowhere."""
    table, token = with_token("ci", '["submit"]')
    with guarded_daemon(tmp_path, table) as guarded, guarded.by_tls() as client:
        client.hello(token)
        [found] = connections(guarded.daemon)

    assert named(found) == ("ci", f"tls:127.0.0.1:{guarded.tls_port}", "127.0.0.1")
    assert token not in str(found)


def named(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return identity, listener and address of a client."""
    return found["identity"], found["listener"], found["peer"]["address"]
