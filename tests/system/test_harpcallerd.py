"""The real dispatcher from its command line: started, asked, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dispatcher_process import (
    HARPCALLERD,
    DispatcherProcess,
    dispatcher_process,
)

from harpcaller import __version__

CONFIG = """
stop_grace_s = 0.2

[hosts.silent]
unix = "silent"
password = "hunter2"
user = "me"
"""
QUEUE = {"name": {"a": 1}}
SLEEP = {"harpcaller": 1, "host": "silent", "procedure": "sleep", "arguments": [60]}


@pytest.fixture
def silent_worker(tmp_path: Path) -> Iterator[None]:
    """A worker that accepts and never says a word."""
    with socket.socket(socket.AF_UNIX) as worker:
        worker.bind(str(tmp_path / "silent"))
        worker.listen()
        yield


@pytest.fixture
def dispatcher(
    silent_worker: None,
    tmp_path: Path,
) -> Iterator[DispatcherProcess]:
    """A dispatcher that knows a silent worker."""
    with dispatcher_process(tmp_path, CONFIG) as dispatcher:
        yield dispatcher


def rows(told: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return what a verb listed."""
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_status_tells_pid_version_and_real_ports(dispatcher: DispatcherProcess) -> None:
    """With port 0 there is no other way to learn where it listens."""
    assert dispatcher.status == {
        "result": "running",
        "pid": dispatcher.process.pid,
        "version": __version__,
        "listen": [f"127.0.0.1:{dispatcher.port}"],
    }
    assert dispatcher.port > 0


def test_jobs_and_queues_are_listed_and_cancelled(
    dispatcher: DispatcherProcess,
) -> None:
    """The day's work of an administrator, verb by verb."""
    [running, waiting] = [
        reply["job_id"]
        for reply in dispatcher.ask(
            {**SLEEP, "queue": QUEUE, "info": {"n": 1}}, {**SLEEP, "queue": QUEUE}
        )
    ]

    listed = rows(dispatcher.admin("list"))
    queues = rows(dispatcher.admin("queue-list"))
    [info] = rows(dispatcher.admin("info", running[-12:]))
    cancelled = dispatcher.admin("cancel", waiting)
    again = dispatcher.admin("cancel", waiting)
    left = rows(dispatcher.admin("queue-list", '{"a":1}'))
    emptied = dispatcher.admin("queue-cancel", '{"a":1}')
    [result] = dispatcher.ask({"harpcaller": 1, "get_result": running})

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
    assert rows(dispatcher.admin("list")) == []
    assert len(rows(dispatcher.admin("list", "--all"))) == 2
    assert rows(dispatcher.admin("queue-list")) == []


def test_an_ambiguous_part_of_an_id_is_usage(dispatcher: DispatcherProcess) -> None:
    """Exit code 2 with the candidates; nothing is cancelled at a guess."""
    ids = [reply["job_id"] for reply in dispatcher.ask(*[SLEEP] * 3)]

    # Ids begin with the time: three of one moment share that.
    told = dispatcher.admin("cancel", ids[0][:8])

    assert told.returncode == 2
    assert set(ids) <= set(told.stderr.split())
    assert len(rows(dispatcher.admin("list"))) == 3


def test_hosts_are_listed_without_credentials(dispatcher: DispatcherProcess) -> None:
    """Lists are pasted into tickets; the log is read by many."""
    hosts = rows(dispatcher.admin("hosts-list"))
    refreshed = dispatcher.admin("hosts-refresh")

    assert [host["hostname"] for host in hosts] == ["silent"]
    assert "hunter2" not in json.dumps(hosts) + dispatcher.log()
    assert refreshed.returncode == 0


def test_stop_lets_waiting_jobs_wait_and_ends_running_ones(
    dispatcher: DispatcherProcess, tmp_path: Path
) -> None:
    """Waiting jobs run after the next start; a running one ends, and says why."""
    [running, waiting] = [
        reply["job_id"] for reply in dispatcher.ask(*[{**SLEEP, "queue": QUEUE}] * 2)
    ]

    stopped = dispatcher.admin("stop", "--print-pid", "--timeout", "20")

    assert (stopped.returncode, stopped.stdout) == (0, f"{dispatcher.process.pid}\n")
    assert dispatcher.process.wait(5) == 0
    assert not (tmp_path / "admin").exists()
    with dispatcher_process(tmp_path, CONFIG) as next_one:
        [result] = next_one.ask({"harpcaller": 1, "get_result": running})
        jobs = rows(next_one.admin("list"))
    assert result["error"]["type"] == "missing_result"
    assert [(job["job"], job["state"]) for job in jobs] == [(waiting, "running")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_as_well(
    number: signal.Signals, dispatcher: DispatcherProcess
) -> None:
    """Service managers and terminals know nothing of our socket."""
    dispatcher.ask(SLEEP)

    dispatcher.process.send_signal(number)

    assert dispatcher.process.wait(20) == 0
    assert dispatcher.admin("status").returncode == 3


def test_a_second_start_leaves_the_first_alone(
    dispatcher: DispatcherProcess, tmp_path: Path
) -> None:
    """Typed twice by mistake: a clear refusal, and the first one goes on."""
    admin, state = tmp_path / "admin", tmp_path / "state"
    second = subprocess.run(
        [*HARPCALLERD, "start", "--socket", admin, "--state-dir", state],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert second.returncode == 1
    assert "somebody listens there already" in second.stdout + second.stderr
    assert "Traceback" not in second.stdout + second.stderr
    assert dispatcher.admin("status").stdout == "running\n"


def test_after_a_kill_the_next_start_takes_over(
    dispatcher: DispatcherProcess, tmp_path: Path
) -> None:
    """A stale socket, a stale lock and lost jobs must not hinder it."""
    [reply] = dispatcher.ask(SLEEP)
    dispatcher.process.kill()
    dispatcher.process.wait()
    assert (tmp_path / "admin").is_socket()

    with dispatcher_process(tmp_path, CONFIG) as next_one:
        [result] = next_one.ask({"harpcaller": 1, "get_result": reply["job_id"]})

    assert result["error"]["type"] == "missing_result"


def test_the_pidfile_is_there_while_it_runs(tmp_path: Path) -> None:
    """Written when it is ready, gone when it is gone."""
    path = tmp_path / "pid"
    with dispatcher_process(tmp_path, "", "--pidfile", str(path)) as dispatcher:
        kept = path.read_text()
        dispatcher.admin("stop", "--timeout", "20")

    assert kept == f"{dispatcher.process.pid}\n"
    assert not path.exists()


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
