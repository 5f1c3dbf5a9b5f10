"""The worker that `start --dev` brings along leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from dev_daemon import HARPCALLERD, dev_daemon


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be where temporary files of the daemon go."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def kill_daemon(directory: Path) -> None:
    """Kill the daemon there, as no daemon can prepare for."""
    status = [*HARPCALLERD, "status", "--json", "--socket", str(directory / "admin")]
    told = subprocess.run(status, capture_output=True, check=True)
    os.kill(json.loads(told.stdout)["pid"], signal.SIGKILL)


def test_nothing_piles_up_when_it_is_killed(tmp_path: Path, temporary: Path) -> None:
    """A newcomer who kills it every day found a directory for each day."""
    for _ in range(2):
        with dev_daemon(tmp_path):
            kill_daemon(tmp_path)
    assert (tmp_path / "state" / "worker").is_dir()

    with dev_daemon(tmp_path):
        pass

    assert not (tmp_path / "state" / "worker").exists()
    assert list(temporary.iterdir()) == []


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    """The path of a Unix socket has at most 107 bytes."""
    (tmp_path / ("x" * 120)).mkdir()
    start = ["start", "--dev", "--listen", "127.0.0.1:0"]
    start += ["--state-dir", str(tmp_path / ("x" * 120)), "--socket", "admin"]
    daemon = subprocess.Popen([*HARPCALLERD, *start], cwd=tmp_path)
    status = [*HARPCALLERD, "status", "--wait", "--timeout", "20", "--socket", "admin"]

    try:
        assert subprocess.run(status, cwd=tmp_path, check=False).returncode == 0
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_a_port_in_use_is_told_before_the_worker_starts(tmp_path: Path) -> None:
    """Who has to choose another port does not wait for a worker first."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        start = ["start", "--dev", "--listen", f"127.0.0.1:{other.getsockname()[1]}"]
        start += ["--state-dir", str(tmp_path / "state")]
        start += ["--socket", str(tmp_path / "admin")]

        run = subprocess.run(
            [*HARPCALLERD, *start], capture_output=True, text=True, check=False
        )

    assert run.returncode == 1
    assert "in use" in run.stderr
    assert "procedures" not in run.stderr  # harpd's log has none of its lines here
