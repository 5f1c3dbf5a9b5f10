"""The verbs for the days of maintenance, against a dispatcher that runs."""

from __future__ import annotations

import grp
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_verbs import HARPCALLERD, HOSTS, SLEEP, admin, rows, silent_daemon
from daemon_process import DaemonProcess, NotReady, prepared_daemon, running_daemon

QUEUE = {"name": {"a": 1}}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """A dispatcher that knows a worker which never says a word."""
    with silent_daemon(tmp_path) as daemon:
        yield daemon


def test_a_drained_dispatcher_accepts_and_starts_nothing(
    daemon: DaemonProcess,
) -> None:
    """What runs goes on; what waits starts after the resume."""
    running = daemon.ask({**SLEEP, "queue": QUEUE})["job_id"]
    waiting = daemon.ask({**SLEEP, "queue": QUEUE})["job_id"]

    assert rows(daemon, "drain", "--json") == [{"result": "ok", "running": 1}]
    refused = daemon.ask(SLEEP)
    daemon.ask({"cancel": running})
    drained = rows(daemon, "drain", "--wait", "--json")
    status = admin(daemon, "status").stdout
    held = rows(daemon, "list")
    admin(daemon, "resume")
    begun = rows(daemon, "list")

    assert refused["error"]["type"] == "shutting_down"
    assert drained[-1] == {"result": "ok", "running": 0}
    assert status == "draining\n"
    assert [(job["job"], job["state"]) for job in held] == [(waiting, "queued")]
    assert [job["state"] for job in begun] == ["running"]


def test_a_paused_queue_starts_nothing_until_resumed(daemon: DaemonProcess) -> None:
    """One kind of work is held back, the rest goes on."""
    admin(daemon, "queue-pause", '{"a":1}')
    daemon.ask({**SLEEP, "queue": QUEUE})
    [held] = rows(daemon, "queue-list", "--json")
    admin(daemon, "queue-resume", '{"a":1}')
    [begun] = rows(daemon, "queue-list", "--json")

    assert (held["queue"], held["paused"], held["queued"]) == ({"a": 1}, True, 1)
    assert (begun["paused"], len(begun["running"])) == (False, 1)


def test_a_dispatcher_starts_from_a_backup(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    """A copy that nobody can start from is none."""
    job_id = daemon.ask(SLEEP)["job_id"]
    restored = prepared_daemon(tmp_path / "restored", hosts=HOSTS)
    restored.state_dir.mkdir(parents=True)

    told = rows(daemon, "backup", restored.state_dir / "jobs.db", "--json")
    again = admin(daemon, "backup", restored.state_dir / "jobs.db")
    restored.start()
    result = restored.ask({"get_result": job_id})
    restored.kill()

    assert told[-1]["result"] == "ok"
    assert "pages" in told[0]["progress"]
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    assert result["error"]["type"] == "missing_result"


def test_damage_is_found_online_and_offline(daemon: DaemonProcess) -> None:
    """A line for each fault, and an exit code for scripts."""
    daemon.ask(SLEEP)
    online = admin(daemon, "check-store")
    in_use = admin(daemon, "check-store", "--state-dir", daemon.state_dir)
    admin(daemon, "stop")
    offline = admin(daemon, "check-store", "--state-dir", daemon.state_dir)
    (daemon.state_dir / "jobs.db").write_bytes(b"no store" * 1000)
    damaged = admin(daemon, "check-store", "--state-dir", daemon.state_dir)

    assert (online.returncode, online.stdout) == (0, "")
    assert (in_use.returncode, "in use" in in_use.stderr) == (1, True)
    assert (offline.returncode, offline.stdout) == (0, "")
    assert (damaged.returncode, damaged.stdout.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--state", "running"], 2),
        (["--state", "ended"], 1),
        (["--host", "nowhere"], 0),
        (["--host", "silent", "--procedure", "sleep"], 2),
        (["--all", "--label", "L"], 0),
        (["--older-than", "1h"], 0),
        (["--all", "--newer-than", "15m"], 3),
        (["--all", "--limit", "1"], 1),
    ],
)
def test_a_list_is_narrowed(
    filters: list[str], count: int, daemon: DaemonProcess
) -> None:
    """Nobody reads through a million jobs to find three."""
    for _ in range(2):
        daemon.ask(SLEEP)
    ended = daemon.ask({"host": "nowhere", "procedure": "p", "arguments": []})
    daemon.ask({"get_result": ended["job_id"]})

    assert len(rows(daemon, "list", *filters)) == count


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["prune-jobs", "--age", "x"], "expected a number of days, 0 or more, not x"),
        (["list", "--older-than", "3w"], "such as 90s, 15m, 2h or 3d, not 3w"),
        (["list", "--limit", "0"], "expected a number, 1 or more, not 0"),
        (["start", "--listen", "nonsense"], "--listen: nonsense: expected"),
        (["dist-erl-start"], "not applicable"),
        (["dist-erl-stop"], "not applicable"),
    ],
)
def test_what_cannot_be_meant_is_usage(words: list[str], complaint: str) -> None:
    """Exit code 2, and a sentence to act on."""
    done = subprocess.run(
        [*HARPCALLERD, *words], capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 2
    assert complaint in done.stderr


def test_errors_of_json_verbs_are_json(tmp_path: Path) -> None:
    """A program reads one language only; the exit code is the same."""
    alone = subprocess.run(
        [*HARPCALLERD, "list", "--json", "--socket", tmp_path / "admin"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert alone.returncode == 3
    assert "nobody listens" in json.loads(alone.stderr)["message"]


def test_the_admin_socket_is_a_groups(tmp_path: Path) -> None:
    """Operators need not be root."""
    group = grp.getgrgid(os.getgid())
    settings = {"admin_group": group.gr_name}
    with running_daemon(tmp_path, settings=settings) as daemon:
        found = daemon.admin_socket.stat()

    assert (found.st_gid, found.st_mode & 0o777) == (group.gr_gid, 0o660)


def test_a_group_that_is_unknown_is_an_error(tmp_path: Path) -> None:
    """A socket for nobody would be noticed when it is needed."""
    daemon = prepared_daemon(tmp_path, settings={"admin_group": "no such group"})

    with pytest.raises(NotReady, match="admin_group: expected the name of a group"):
        daemon.start()
