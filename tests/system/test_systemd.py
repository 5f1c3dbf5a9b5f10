"""The dispatcher under systemd, whose part the tests play."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemon_process import running_daemon
from eventually import wait_until

WATCHDOG_S = 0.6
STATES = ("READY=1", "RELOADING=1", "STOPPING=1")


class Manager:
    """A socket as sd_notify(3) writes to it, and what was told there."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.told: list[str] = []

    def hear(self) -> list[str]:
        """Return all that was told so far, each assignment on its own."""
        while True:
            try:
                self.told += self._sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.told

    def count(self, what: str) -> int:
        """Return how often something was told."""
        return self.hear().count(what)


@contextmanager
def managed(name: str) -> Iterator[Manager]:
    """Listen as a manager does while the block runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0"))
        sock.setblocking(False)
        yield Manager(sock)


def told_to(name: str, watchdog_s: float = WATCHDOG_S) -> Sequence[str]:
    """Return what a daemon is started below to tell a manager how it is."""
    watchdog = f"WATCHDOG_USEC={watchdog_s * 1e6:.0f}"
    return ("env", f"NOTIFY_SOCKET={name}", watchdog)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_whole_life_is_told(kind: str, tmp_path: Path) -> None:
    """Ready, alive, reloading and ready again, stopping: in this order."""
    name = f"@harpcaller-{os.getpid()}" if kind == "abstract" else f"{tmp_path}/n"
    with (
        managed(name) as manager,
        running_daemon(tmp_path / "d", below=told_to(name)) as daemon,
    ):
        wait_until(lambda: manager.count("WATCHDOG=1") >= 2)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: manager.count("READY=1") == 2)
        daemon.terminate()
        daemon.wait()
        told = manager.hear()

    states = [line for line in told if line in STATES]
    assert states == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert told[:2] == ["STATUS=recovering", "EXTEND_TIMEOUT_USEC=30000000"]
    assert "STATUS=0 running, 0 waiting" in told
    at = told.index("RELOADING=1")
    [usec] = [line for line in told[at : at + 2] if line.startswith("MONOTONIC_USEC=")]
    now = time.monotonic() * 1e6
    assert now - 60e6 < int(usec.partition("=")[2]) < now
    ending = told[told.index("STOPPING=1") :]
    assert ending[1:3] == ["STATUS=stopping", "EXTEND_TIMEOUT_USEC=30000000"]


def test_a_store_that_does_not_answer_is_no_sign_of_life(tmp_path: Path) -> None:
    """Systemd starts anew what hangs; as soon as it answers, all is well again."""
    name = f"{tmp_path}/n"
    with (
        managed(name) as manager,
        running_daemon(tmp_path / "d", below=told_to(name)) as daemon,
    ):
        wait_until(lambda: manager.count("WATCHDOG=1") >= 1)
        stranger = sqlite3.connect(daemon.state_dir / "jobs.db", isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")  # nobody else can write now
        time.sleep(WATCHDOG_S / 3)  # what was asked before has its answer
        before = manager.count("WATCHDOG=1")

        time.sleep(3 * WATCHDOG_S)

        assert manager.count("WATCHDOG=1") <= before + 1
        stranger.rollback()
        wait_until(lambda: manager.count("WATCHDOG=1") >= before + 3)


def test_a_loop_that_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    """A process that is stopped stands for one that spins."""
    name = f"{tmp_path}/n"
    with (
        managed(name) as manager,
        running_daemon(tmp_path / "d", below=told_to(name)) as daemon,
    ):
        wait_until(lambda: manager.count("WATCHDOG=1") >= 1)
        daemon.process.send_signal(signal.SIGSTOP)
        before = manager.count("WATCHDOG=1")

        time.sleep(2 * WATCHDOG_S)

        assert manager.count("WATCHDOG=1") == before


def test_without_a_watchdog_there_is_a_status(tmp_path: Path) -> None:
    """`systemctl status` shows how many jobs run and wait."""
    name = f"{tmp_path}/n"
    with (
        managed(name) as manager,
        running_daemon(tmp_path / "d", below=("env", f"NOTIFY_SOCKET={name}")),
    ):
        wait_until(lambda: "STATUS=0 running, 0 waiting" in manager.hear())

        assert manager.count("WATCHDOG=1") == 0
