"""The dispatcher under systemd, whose part the tests play."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemon_process import running_daemon
from eventually import wait_until
from passed_sockets import LOOPBACK, activated, kept_socket
from websocket_client import by_messages

from indira.client import AdminClient

CONNECTS = 200
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


# ── socket activation ──


def hello(port: int) -> bytes:
    """Return what a new client is told."""
    with socket.create_connection((LOOPBACK, port), timeout=60) as sock:
        sock.sendall(b'{"harpcaller":1,"hello":true}\n')
        return sock.recv(4096)


def test_a_restart_refuses_nobody(tmp_path: Path) -> None:
    """The socket outlives the process: who connects meanwhile waits for the next."""
    with (
        kept_socket() as (sock, port),
        activated(tmp_path, {"client": sock}, f"{LOOPBACK}:{port}") as start,
        ThreadPoolExecutor(CONNECTS) as clients,
    ):
        first = start()
        assert b'"harpcaller":1' in hello(port)

        first.terminate()
        told = [clients.submit(hello, port) for _ in range(CONNECTS // 2)]
        first.wait(20)
        told += [clients.submit(hello, port) for _ in range(CONNECTS // 2)]
        start()

        answers = [one.result(30) for one in told]

    assert len(answers) == CONNECTS
    assert all(b'"harpcaller":1' in answer for answer in answers)


def test_the_admin_socket_can_be_passed_too(tmp_path: Path) -> None:
    """Its file belongs to systemd, and stays."""
    with kept_socket() as (sock, port), socket.socket(socket.AF_UNIX) as admin:
        admin.bind(f"{tmp_path}/admin")
        admin.listen()
        passed = {"client": sock, "admin": admin}
        with activated(tmp_path, passed, f"{LOOPBACK}:{port}") as start:
            process = start()
            with AdminClient(tmp_path / "admin", timeout_s=60) as client:
                assert client.send("status")["result"] == "running"
            process.terminate()
            process.wait(20)

            assert (tmp_path / "admin").exists()


def test_the_socket_of_websocket_clients_can_be_passed(tmp_path: Path) -> None:
    """They are not refused by a restart either."""
    with kept_socket() as (lines, line_port), kept_socket() as (sock, port):
        more = f'[websocket]\nlisten = "{LOOPBACK}:{port}"\n'
        passed = {"client": lines, "ws": sock}
        with activated(tmp_path, passed, f"{LOOPBACK}:{line_port}", more) as start:
            first = start()
            with by_messages(port) as client:
                client.ask(cancel="nothing")
                first.terminate()
                assert client.receive_close() == 1001
            first.wait(20)
            start()
            with by_messages(port) as client:
                assert client.ask(cancel="nothing") == {"cancelled": False}


@pytest.mark.parametrize(
    ("name", "listen", "code", "complaint"),
    [
        ("client", f"{LOOPBACK}:1", 78, "no setting names that address; they name"),
        ("client-tls", "{}", 1, "in use"),
        ("klient", "{}", 78, "has to be one of admin, client, client-tls, web"),
    ],
)
def test_what_does_not_fit_is_explained(
    name: str, listen: str, code: int, complaint: str, tmp_path: Path
) -> None:
    """Else an operator wonders why a port of his does not answer."""
    with kept_socket() as (sock, port):
        at = listen.format(f"{LOOPBACK}:{port}")
        with activated(tmp_path, {name: sock}, at) as start:
            assert start().wait(20) == code

    assert complaint in (tmp_path / "log").read_text()


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="no systemd tools"
)
def test_systemds_own_tool_is_understood(tmp_path: Path) -> None:
    """It binds all interfaces by one socket of IPv6, and starts at the first client."""
    with kept_socket() as (_, port):
        pass
    config = tmp_path / "harpcaller.toml"
    config.write_text(f'listen = "[::1]:{port}"\nstate_dir = "{tmp_path}/state"\n')
    config.chmod(0o600)
    words = ["systemd-socket-activate", "-l", f"[::1]:{port}", "--fdname=client"]
    words += [sys.executable, "-m", "harpcaller", "--socket", f"{tmp_path}/admin"]
    process = subprocess.Popen([*words, "start", "--config", str(config)])
    try:
        wait_until(lambda: is_listening(port))
        with socket.create_connection(("::1", port), timeout=60) as sock:
            sock.sendall(b'{"harpcaller":1,"hello":true}\n')
            assert b'"harpcaller":1' in sock.recv(4096)
    finally:
        process.kill()
        process.wait()


def is_listening(port: int) -> bool:
    """Tell whether somebody does, without connecting: that would start the daemon."""
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp6").read_text().splitlines()[1:]
    return any(wanted in line.split()[1] and line.split()[3] == "0A" for line in lines)
