"""The real dispatcher from its command line: started, asked, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, running_daemon

from harpcaller import __version__
from indira.client import AdminClient

HARPCALLERD = [sys.executable, "-m", "harpcaller"]
SETTINGS = {"stop_grace_s": 0.2}
HOSTS = {"silent": {"unix": "silent", "user": "me", "password": "hunter2"}}
QUEUE = {"name": {"a": 1}}
SLEEP = {"host": "silent", "procedure": "sleep", "arguments": [60]}


@pytest.fixture
def silent_worker(tmp_path: Path) -> Iterator[None]:
    """A worker that accepts and never says a word."""
    with socket.socket(socket.AF_UNIX) as worker:
        worker.bind(str(tmp_path / "silent"))
        worker.listen()
        yield


@pytest.fixture
def daemon(
    silent_worker: None,
    tmp_path: Path,
) -> Iterator[DaemonProcess]:
    """A dispatcher that knows a silent worker."""
    with running_daemon(tmp_path, hosts=HOSTS, settings=SETTINGS) as daemon:
        yield daemon


def admin(daemon: DaemonProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one admin verb to its end."""
    return subprocess.run(
        [*HARPCALLERD, *words, "--socket", daemon.admin_socket],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def rows(told: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return what a verb listed."""
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_status_tells_pid_version_and_real_ports(daemon: DaemonProcess) -> None:
    """With port 0 there is no other way to learn where it listens."""
    [status] = rows(admin(daemon, "status", "--json"))

    assert status == {
        "result": "running",
        "pid": daemon.pid,
        "version": __version__,
        "listen": [f"127.0.0.1:{daemon.port}", f"unix:{daemon.call_socket}"],
        "http": [],
        "websocket": [],
        "draining": False,
        "reporters": [],
    }
    assert daemon.port > 0


def test_jobs_and_queues_are_listed_and_cancelled(
    daemon: DaemonProcess,
) -> None:
    """The day's work of an administrator, verb by verb."""
    running = daemon.ask({**SLEEP, "queue": QUEUE, "info": {"n": 1}})["job_id"]
    waiting = daemon.ask({**SLEEP, "queue": QUEUE})["job_id"]

    listed = rows(admin(daemon, "list"))
    queues = rows(admin(daemon, "queue-list"))
    [info] = rows(admin(daemon, "info", running[-12:]))
    cancelled = admin(daemon, "cancel", waiting)
    again = admin(daemon, "cancel", waiting)
    left = rows(admin(daemon, "queue-list", '{"a":1}'))
    emptied = admin(daemon, "queue-cancel", '{"a":1}')
    result = daemon.ask({"get_result": running})

    assert {job["job"]: job["state"] for job in listed} == {
        running: "running",
        waiting: "queued",
    }
    assert queues == [{"a": 1}]
    assert (info["job"], info["info"], info["state"]) == (running, {"n": 1}, "running")
    assert info["call"]["host"] == "silent"
    assert (cancelled.returncode, again.returncode) == (0, 1)
    assert "has ended before" in again.stderr
    assert [(job["job"], job["running"]) for job in left] == [(running, True)]
    assert emptied.returncode == 0
    assert result == {"cancelled": True}
    assert rows(admin(daemon, "list")) == []
    assert len(rows(admin(daemon, "list", "--all"))) == 2
    assert rows(admin(daemon, "queue-list")) == []


def test_an_ambiguous_part_of_an_id_is_usage(daemon: DaemonProcess) -> None:
    """Exit code 2 with the candidates; nothing is cancelled at a guess."""
    ids = [daemon.ask(SLEEP)["job_id"] for _ in range(3)]

    # Ids begin with the time: three of one minute share that.
    told = admin(daemon, "cancel", ids[0][:7])

    assert told.returncode == 2
    assert set(ids) <= set(told.stderr.split())
    assert len(rows(admin(daemon, "list"))) == 3


def test_hosts_are_listed_without_credentials(daemon: DaemonProcess) -> None:
    """Lists are pasted into tickets; the log is read by many."""
    hosts = rows(admin(daemon, "hosts-list"))
    refreshed = admin(daemon, "hosts-refresh")

    assert [host["hostname"] for host in hosts] == ["silent"]
    assert "hunter2" not in json.dumps(hosts) + daemon.log.read_text()
    assert refreshed.returncode == 0


def test_stop_lets_waiting_jobs_wait_and_ends_running_ones(
    daemon: DaemonProcess,
) -> None:
    """Waiting jobs run after the next start; a running one ends, and says why."""
    running = daemon.ask({**SLEEP, "queue": QUEUE})["job_id"]
    waiting = daemon.ask({**SLEEP, "queue": QUEUE})["job_id"]

    stopped_pid = daemon.pid
    stopped = admin(daemon, "stop", "--print-pid", "--timeout", "20")

    assert (stopped.returncode, stopped.stdout) == (0, f"{stopped_pid}\n")
    assert daemon.wait(5) == 0
    assert not daemon.admin_socket.exists()
    daemon.start()
    result = daemon.ask({"get_result": running})
    jobs = rows(admin(daemon, "list"))
    assert result["error"]["type"] == "missing_result"
    assert [(job["job"], job["state"]) for job in jobs] == [(waiting, "running")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_as_well(
    number: signal.Signals, daemon: DaemonProcess
) -> None:
    """Service managers and terminals know nothing of our socket."""
    daemon.ask(SLEEP)

    daemon.process.send_signal(number)

    assert daemon.wait() == 0
    assert admin(daemon, "status").returncode == 3


def test_a_second_start_leaves_the_first_alone(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    """Typed twice by mistake: a clear refusal, and the first one goes on."""
    path, state = tmp_path / "admin", tmp_path / "state"
    second = subprocess.run(
        [*HARPCALLERD, "start", "--socket", path, "--state-dir", state],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert second.returncode == 1
    assert f"in use by the process with pid {daemon.pid}" in second.stderr
    assert "Traceback" not in second.stdout + second.stderr
    assert admin(daemon, "status").stdout == "running\n"


def test_after_a_kill_the_next_start_takes_over(daemon: DaemonProcess) -> None:
    """A stale socket, a stale lock and lost jobs must not hinder it."""
    job_id = daemon.ask(SLEEP)["job_id"]
    daemon.kill()
    assert daemon.admin_socket.is_socket()

    daemon.start()
    result = daemon.ask({"get_result": job_id})

    assert result["error"]["type"] == "missing_result"


def test_the_pidfile_is_there_while_it_runs(tmp_path: Path) -> None:
    """Written when it is ready, gone when it is gone."""
    words = [f"--state-dir={tmp_path}/state", f"--socket={tmp_path}/admin"]
    words += [f"--pidfile={tmp_path}/pid", "--listen=127.0.0.1:0"]
    with subprocess.Popen(
        [*HARPCALLERD, "start", *words], stderr=subprocess.DEVNULL
    ) as process:
        with AdminClient(tmp_path / "admin", timeout_s=60) as client:
            while not (tmp_path / "admin").exists():
                time.sleep(0.01)
            client.send("status", wait=True)
            kept = (tmp_path / "pid").read_text()
            client.send("stop")
        process.wait(20)

    assert kept == f"{process.pid}\n"
    assert not (tmp_path / "pid").exists()


def test_the_default_socket_is_in_the_runtime_directory(tmp_path: Path) -> None:
    """An unprivileged user needs no option to administer his own dispatcher."""
    told = subprocess.run(
        [sys.executable, "-c", "import indira.cli as c; print(c.default_socket('x'))"],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    expected = "/run/x/admin" if os.geteuid() == 0 else f"{tmp_path}/x/admin"
    assert told.stdout == f"{expected}\n"
