"""Signals, the pid file and systemd, with a daemon of its own process."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from small_daemon import GRACE_S, STOPPED_NOW, running

from indira.client import AdminClient


def test_the_first_signal_stops_and_the_second_means_now(tmp_path: Path) -> None:
    """Whoever is impatient says so twice."""
    with running(tmp_path / "a") as orderly:
        orderly.send_signal(signal.SIGINT)
        assert orderly.wait(10) == 0

    with running(tmp_path / "b") as hurried:
        hurried.send_signal(signal.SIGTERM)
        time.sleep(GRACE_S / 4)
        hurried.send_signal(signal.SIGTERM)
        assert hurried.wait(10) == STOPPED_NOW


def test_the_pid_file_lives_as_long_as_the_daemon(tmp_path: Path) -> None:
    """Init scripts read it; a stale one would have them kill a stranger."""
    with running(tmp_path / "admin") as daemon:
        kept = (tmp_path / "pid").read_text()
        daemon.terminate()
        daemon.wait(10)

    assert kept == f"{daemon.pid}\n"
    assert list(tmp_path.glob("pid*")) == []


@pytest.mark.parametrize("address", ["{}/notify", "@harpcaller-test-{}"])
def test_systemd_is_told_when_the_daemon_is_ready(address: str, tmp_path: Path) -> None:
    """Type=notify units start their dependants then; both kinds of address exist."""
    unique = str(tmp_path) if address.startswith("{") else str(os.getpid())
    name = address.format(unique)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(60)

        with running(tmp_path / "admin", NOTIFY_SOCKET=name) as daemon:
            told = manager.recv(4096)

    assert told == f"READY=1\nMAINPID={daemon.pid}".encode()


@pytest.mark.parametrize("address", ["", "vsock:1:2", "/nowhere/at/all"])
def test_a_manager_that_is_not_there_is_no_hindrance(
    address: str, tmp_path: Path
) -> None:
    """A daemon started by hand with a leftover environment still runs."""
    path = tmp_path / "admin"
    with running(path, NOTIFY_SOCKET=address), AdminClient(path) as client:
        assert client.send("status")["result"] == "running"
