"""The log as a file: each job's story in it, and nothing lost when it is rotated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, running_daemon
from eventually import wait_until
from practice_daemon import practice_daemon

COUNT = {"host": "worker", "procedure": "count", "arguments": {"n": 2, "gap": 0}}
NOWHERE = {"host": "nobody", "procedure": "p", "arguments": []}
ROTATIONS = 20


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, each of which has to be whole."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def verb(daemon: DaemonProcess, name: str) -> subprocess.CompletedProcess[str]:
    """Run an admin verb."""
    command = [sys.executable, "-m", "harpcaller", "--socket", str(daemon.admin_socket)]
    return subprocess.run(
        [*command, name], capture_output=True, text=True, check=False, timeout=30
    )


def test_the_lines_of_a_job_tell_its_story(tmp_path: Path) -> None:
    """`grep ID` is what an administrator does first."""
    with practice_daemon(tmp_path) as daemon:
        job = daemon.ask(COUNT)["job_id"]
        daemon.ask({"get_result": job})
        failed = daemon.ask(NOWHERE)["job_id"]
        daemon.ask({"get_result": failed})
        wait_until(lambda: daemon.log.read_text().count("job.ended") == 2)
        lines = [line for line in lines_of(daemon.log) if "job_id" in line]

    of_one = [line for line in lines if line["job_id"] == job]
    assert [line["event"] for line in of_one] == ["job.started", "job.ended"]
    assert all(line["host"] == "worker" for line in of_one)
    assert all(line["procedure"] == "count" for line in of_one)
    started, ended = of_one
    assert (started["start"], started["waited_s"]) == (1, 0.0)
    assert (ended["outcome"], ended["packets"], ended["type"]) == ("Returned", 2, None)
    assert 0 <= ended["took_s"] < 10
    [_, lost] = [line for line in lines if line["job_id"] == failed]
    assert (lost["outcome"], lost["type"]) == ("Failed", "unknown_host")


def test_a_crowd_of_clients_does_not_flood_the_log(tmp_path: Path) -> None:
    """A few lines of each kind about each peer; how many more there were is counted."""
    with running_daemon(tmp_path) as daemon:
        for _ in range(100):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(daemon.call_socket))
                client.sendall(b'{"harpcaller":1,"cancel":"nothing"}\n')
                client.recv(100)
        lines = [line for line in lines_of(daemon.log) if "peer" in line]

    opened = [line for line in lines if line["event"] == "session.opened"]
    assert 1 <= len(opened) <= 3
    assert opened[0]["peer"] == f"uid {os.getuid()}"


def test_lines_go_to_the_file(tmp_path: Path) -> None:
    """And the standard error is silent."""
    log_file = tmp_path / "harpcallerd.log"
    with running_daemon(tmp_path / "d", settings={"log_file": str(log_file)}) as daemon:
        assert daemon.log.read_bytes() == b""

        assert lines_of(log_file)[0]["event"] == "config.doubtful"
        assert log_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("how", ["verb", "signal", "nothing"])
def test_a_file_that_was_moved_away_is_begun_anew(how: str, tmp_path: Path) -> None:
    """By the verb, by the signal, or with the next line."""
    log_file = tmp_path / "harpcallerd.log"
    with running_daemon(tmp_path / "d", settings={"log_file": str(log_file)}) as daemon:
        log_file.rename(tmp_path / "old")
        if how == "verb":
            assert verb(daemon, "reopen-logs").returncode == 0
        elif how == "signal":
            daemon.process.send_signal(signal.SIGUSR1)
        else:
            daemon.ask({"get_result": daemon.ask(NOWHERE)["job_id"]})

        wait_until(log_file.exists)
        events = [line["event"] for line in lines_of(tmp_path / "old")]

    assert "config.doubtful" in events
    assert "daemon.stopped" not in events


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """At the start the daemon ends; later it goes on with the file that it has."""
    folder = tmp_path / "logs"
    folder.mkdir()
    log_file = folder / "harpcallerd.log"
    with running_daemon(tmp_path / "d", settings={"log_file": str(log_file)}) as daemon:
        folder.rename(tmp_path / "moved")

        done = verb(daemon, "reopen-logs")

        assert done.returncode == 1
        assert done.stderr == f"harpcallerd: {log_file}: No such file or directory\n"
        daemon.ask({"get_result": daemon.ask(NOWHERE)["job_id"]})
        moved = tmp_path / "moved" / "harpcallerd.log"
        wait_until(lambda: "job.ended" in moved.read_text())


def write_rules(path: Path, log_file: Path, pid: int) -> Path:
    """Tell logrotate how to rotate a daemon's log."""
    path.write_text(
        f"{log_file} {{\n  rotate 100\n  missingok\n  postrotate\n"
        f"    kill -USR1 {pid}\n  endscript\n}}\n"
    )
    path.chmod(0o600)
    return path


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="no logrotate(8)")
@pytest.mark.timeout(120)
def test_rotating_under_load_loses_no_line(tmp_path: Path) -> None:
    """Twenty times while calls run: each job has its end once, each line is whole."""
    log_file = tmp_path / "logs" / "harpcallerd.log"
    log_file.parent.mkdir(mode=0o700)
    with running_daemon(tmp_path / "d", settings={"log_file": str(log_file)}) as daemon:
        rules = write_rules(tmp_path / "rules", log_file, daemon.pid)
        jobs: list[str] = []
        is_over = threading.Event()

        def call() -> None:
            while not is_over.is_set():
                jobs.append(daemon.ask(NOWHERE)["job_id"])

        def rotate() -> None:
            before = len(jobs)
            wait_until(lambda: len(jobs) > before)
            state = ["--state", str(tmp_path / "state")]
            subprocess.run(["logrotate", "-f", *state, str(rules)], check=True)

        caller = threading.Thread(target=call)
        caller.start()
        for _ in range(ROTATIONS):
            rotate()
        is_over.set()
        caller.join(30)
        for job_id in jobs:
            daemon.ask({"get_result": job_id})
        daemon.terminate()
        daemon.wait()

    files = sorted(log_file.parent.iterdir())
    ended = [
        line["job_id"]
        for path in files
        for line in lines_of(path)
        if line["event"] == "job.ended"
    ]
    assert len(files) > ROTATIONS
    assert sorted(ended) == sorted(jobs)
