"""Sockets that outlive a daemon, passed to it as systemd does."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Executes a command with descriptors from 3 on, as sd_listen_fds(3) says.
PASSING = """
import fcntl, os, sys
names, *words = sys.argv[1:]
at = words.index("--")
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in words[:at]]
for number, fd in enumerate(fds, 3):
    os.dup2(fd, number, inheritable=True)
told = {"LISTEN_PID": os.getpid(), "LISTEN_FDS": len(fds), "LISTEN_FDNAMES": names}
os.environ.update({name: str(value) for name, value in told.items()})
os.execv(words[at + 1], words[at + 1 :])
"""


@contextmanager
def kept_socket() -> Iterator[tuple[socket.socket, int]]:
    """Listen on a port of loopback as systemd does: from before a start to after."""
    with socket.create_server((LOOPBACK, 0), backlog=512) as sock:
        yield sock, sock.getsockname()[1]


@contextmanager
def activated(
    folder: Path, fds: Mapping[str, socket.socket], listen: str, more: str = ""
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Give what starts a daemon with sockets passed by name; it ends with the block."""
    config = folder / "harpcaller.toml"
    config.write_text(f'listen = "{listen}"\nstate_dir = "{folder}/state"\n{more}')
    config.chmod(0o600)
    numbers = [sock.fileno() for sock in fds.values()]
    words = [sys.executable, "-m", "harpcaller", "--socket", f"{folder}/admin"]
    words += ["start", "--config", str(config)]
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            told = [":".join(fds), *map(str, numbers), "--", *words]
            process = subprocess.Popen(
                [sys.executable, "-c", PASSING, *told], stderr=log, pass_fds=numbers
            )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()
