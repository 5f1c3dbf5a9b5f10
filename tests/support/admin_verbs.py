"""The verbs of `harpcallerd`, run against a dispatcher whose worker says nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemon_process import DaemonProcess, Table, running_daemon

HARPCALLERD = [sys.executable, "-m", "harpcaller"]
HOSTS: Mapping[str, Table] = {
    "silent": {"unix": "silent", "user": "me", "password": "hunter2"},
    "far": {"address": "192.0.2.1", "user": "me", "password": "hunter2"},
}
SLEEP = {"host": "silent", "procedure": "sleep", "arguments": [60]}
VERB_S = 30


@contextmanager
def silent_daemon(
    directory: Path, settings: Table | None = None
) -> Iterator[DaemonProcess]:
    """Run a dispatcher that knows a worker which never says a word."""
    with socket.socket(socket.AF_UNIX) as worker:
        worker.bind(str(directory / "silent"))
        worker.listen()
        more = {"stop_grace_s": 0.2, **(settings or {})}
        with running_daemon(directory, hosts=HOSTS, settings=more) as daemon:
            yield daemon


def admin(
    daemon: DaemonProcess, *words: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run one verb to its end."""
    return subprocess.run(
        [*HARPCALLERD, *words, "--socket", daemon.admin_socket],
        capture_output=True,
        text=True,
        check=False,
        timeout=VERB_S,
    )


def rows(daemon: DaemonProcess, *words: str | Path) -> list[Any]:
    """Return what a verb printed that was done."""
    done = admin(daemon, *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
