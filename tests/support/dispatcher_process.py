"""The real dispatcher, started and asked by its own command line."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from indira.client import AdminClient, NotRunning

START_S = 20
HARPCALLERD = [sys.executable, "-m", "harpcaller"]


@attrs.frozen(kw_only=True)
class DispatcherProcess:
    """A dispatcher that runs; `status` is what it told of itself when it began."""

    process: subprocess.Popen[bytes]
    directory: Path
    status: dict[str, Any]

    @property
    def port(self) -> int:
        """Where it listens on the loopback."""
        return int(self.status["listen"][0].rpartition(":")[2])

    def admin(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one admin verb to its end."""
        return subprocess.run(
            [*HARPCALLERD, *words, "--socket", self.directory / "admin"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def ask(self, *requests: object) -> list[Any]:
        """Send requests, one a line, over one connection; return the replies."""
        lines = [json.dumps(request).encode() + b"\n" for request in requests]
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(b"".join(lines))
            client.shutdown(socket.SHUT_WR)
            with client.makefile() as replies:
                return [json.loads(line) for line in replies]

    def log(self) -> str:
        """Return all that it has logged so far."""
        return (self.directory / "log").read_text()


@contextmanager
def dispatcher_process(
    directory: Path, config: str = "", *options: str
) -> Iterator[DispatcherProcess]:
    """Run a dispatcher whose files are in `directory`; end it if it still runs.

    Started again in the same directory, it finds its jobs.
    """
    path = directory / "harpcaller.toml"
    path.write_text(config)
    path.chmod(0o600)
    words: list[str | Path] = ["start", "--listen", "127.0.0.1:0", "--config", path]
    words += ["--state-dir", directory / "state", "--socket", directory / "admin"]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(
            [*HARPCALLERD, *words, *options], stdout=log, stderr=log
        )
    try:
        status = _wait_running(process, directory)
        yield DispatcherProcess(process=process, directory=directory, status=status)
    finally:
        process.kill()
        process.wait()


def _wait_running(process: subprocess.Popen[bytes], directory: Path) -> dict[str, Any]:
    with AdminClient(directory / "admin", timeout_s=START_S) as client:
        deadline = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                return client.send("status", wait=True)
            except NotRunning:
                time.sleep(0.02)
    raise AssertionError((directory / "log").read_text())
