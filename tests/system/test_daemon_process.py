"""The daemon that other tests kill and start again is a real one."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from daemon_process import NotReady, prepared_daemon, running_daemon


def test_a_killed_daemon_comes_back_with_its_jobs_on_the_same_port(
    tmp_path: Path,
) -> None:
    """All that the tests of durability say rests on this."""
    call = {"host": "nowhere", "procedure": "x", "arguments": []}

    with running_daemon(tmp_path) as daemon:
        first_pid, port = daemon.pid, daemon.port
        job_id = daemon.ask(call)["job_id"]
        daemon.restart()

        assert daemon.pid != first_pid
        assert daemon.port == port
        outcome = daemon.ask({"get_result": job_id})
        assert outcome["error"]["type"] in {"unknown_host", "missing_result"}


def test_a_daemon_that_is_asked_to_stops_with_0(tmp_path: Path) -> None:
    """Its exit code is that of the daemon, not of a shell around it."""
    with running_daemon(tmp_path, settings={"stop_grace_s": 1}) as daemon:
        daemon.terminate()

        assert daemon.wait() == 0


def test_a_failed_test_shows_what_the_daemon_said(tmp_path: Path) -> None:
    """Nobody can ask a daemon of CI afterwards."""
    with pytest.raises(ZeroDivisionError) as failure:
        _fail_beside_daemon(tmp_path)

    assert "daemon.started" in failure.value.__notes__[0]


def test_a_daemon_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Waiting for it to be ready would tell nothing."""
    daemon = prepared_daemon(tmp_path, settings={"max_running": 0})

    with pytest.raises(NotReady, match="max_running"):
        daemon.start()


def _fail_beside_daemon(directory: Path) -> None:
    with running_daemon(directory) as daemon:
        daemon.ask({"get_status": "none"})
        daemon.process.send_signal(signal.SIGSTOP)
        raise ZeroDivisionError
