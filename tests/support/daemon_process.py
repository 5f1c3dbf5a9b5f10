"""A real daemon in a process of its own, that can be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from indira.client import AdminClient, AdminError

READY_S = 60.0  # the machines of CI are busy
LOG_LINES = 40  # what a failed test shows of the log

Table: TypeAlias = Mapping[str, str | int | float | bool | Sequence[str]]


def unmeasured() -> Sequence[str]:
    """Return what a command is run below where it counts how long it takes.

    Measuring coverage makes a daemon several times as slow.
    """
    names = [name for name in os.environ if name.startswith("COVERAGE_")]
    return ["env", *(f"--unset={name}" for name in names)]


class NotReady(Exception):
    """The daemon ended, or took too long, before it was ready."""


@attrs.define
class DaemonProcess:
    """One state directory, and the daemon that runs on it now, if one does.

    It listens on a free TCP port, the same after every restart, and on `call_socket`.
    `below` is a command that it is started by, such as strace: the daemon has to be
    the process that this becomes. `more_words` are options of its start.
    """

    directory: Path
    below: Sequence[str] = ()
    more_words: Sequence[str] = ()
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.directory / "harpcaller.toml"

    @property
    def call_socket(self) -> Path:
        """The Unix socket for clients."""
        return self.directory / "calls"

    @property
    def admin_socket(self) -> Path:
        """The Unix socket for the administrator."""
        return self.directory / "admin"

    @property
    def state_dir(self) -> Path:
        """Where the jobs live, unless the settings say another place."""
        return self.directory / "state"

    @property
    def log(self) -> Path:
        """What the daemons said, all that ran on this state."""
        return self.directory / "log"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None, "the daemon was never started"
        return self._process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Tell whether it runs; one that has ended is reaped."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it, and do not wait."""
        assert not self.is_alive, "it runs already"
        command = [*self.below, sys.executable, "-m", "harpcaller"]
        command += ["--socket", str(self.admin_socket)]
        command += ["start", "--config", str(self.config)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        command += ["--listen", f"unix:{self.call_socket}", *self.more_words]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def start(self) -> None:
        """Start it; when this returns it serves.

        Raises:
            NotReady: it does not; the message has its log.
        """
        self.launch()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return once it serves.

        Raises:
            NotReady: it will not, or took too long.
        """
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            status = self._status()
            if status is not None:
                self.port = _tcp_port(status["listen"])
                return
            if not self.is_alive:
                code = self.process.returncode
                raise NotReady(f"it ended with {code}\n{self.last_words()}")
            time.sleep(0.01)
        raise NotReady(f"it was not ready within {READY_S} s\n{self.last_words()}")

    def kill(self) -> None:
        """End it as a power failure of the process would; wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to stop; see `wait`."""
        self.process.terminate()

    def wait(self, within_s: float = READY_S) -> int:
        """Return its exit code, negative for a signal, once it has ended."""
        return self.process.wait(within_s)

    def restart(self) -> None:
        """Start it again on the same state, killed first if it runs."""
        if self.is_alive:
            self.kill()
        self.start()

    def connect(self, timeout_s: float | None = 60) -> socket.socket:
        """Return a new connection to the Unix socket for clients."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(timeout_s)
        try:
            client.connect(str(self.call_socket))
        except OSError:
            client.close()
            raise
        return client

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the one line that answers `request`, on a connection of its own."""
        with self.connect() as client, client.makefile("rb") as replies:
            client.sendall(json.dumps({"harpcaller": 1, **request}).encode() + b"\n")
            reply: dict[str, Any] = json.loads(replies.readline())
            return reply

    def last_words(self) -> str:
        """Return the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    def _status(self) -> dict[str, Any] | None:
        try:
            with AdminClient(self.admin_socket, timeout_s=1) as client:
                status = client.send("status", wait=True)
        except (AdminError, OSError):
            return None
        return status if status.get("pid") == self.pid else None


@contextmanager
def running_daemon(
    directory: Path,
    *,
    hosts: Mapping[str, Table] | None = None,
    settings: Table | None = None,
    below: Sequence[str] = (),
) -> Iterator[DaemonProcess]:
    """Run a daemon with its files in `directory`; nothing of it is left running.

    `hosts` and `settings` are what the configuration says. A failure within the
    block gets the end of the daemon's log as a note. It may be used from trio:
    the methods that wait belong in a thread if something else has to go on.
    """
    daemon = prepared_daemon(directory, hosts=hosts, settings=settings, below=below)
    try:
        daemon.start()
        yield daemon
    except BaseException as error:
        error.add_note(f"the end of the daemon's log:\n{daemon.last_words()}")
        raise
    finally:
        if daemon.is_alive:
            daemon.process.send_signal(signal.SIGCONT)  # a test may have stopped it
            daemon.kill()


def prepared_daemon(
    directory: Path,
    *,
    hosts: Mapping[str, Table] | None = None,
    settings: Table | None = None,
    below: Sequence[str] = (),
) -> DaemonProcess:
    """Return a daemon that is configured and was not started."""
    directory.mkdir(parents=True, exist_ok=True)
    daemon = DaemonProcess(directory, below=below)
    values = {"state_dir": str(daemon.state_dir), **(settings or {})}
    text = _toml(values)
    for name, table in (hosts or {}).items():
        text += f"\n[hosts.{json.dumps(name)}]\n{_toml(table)}"
    descriptor = os.open(daemon.config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    daemon.log.touch()
    return daemon


def _toml(table: Table) -> str:
    """Return lines of TOML: JSON spells these values the same."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def _tcp_port(listen: Sequence[str]) -> int:
    for address in listen:
        if not address.startswith(("unix:", "tls:")):
            return int(address.rpartition(":")[2])
    raise NotReady(f"no TCP port among {listen}")
