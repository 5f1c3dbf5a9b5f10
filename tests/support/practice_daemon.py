"""A real dispatcher with hosts of every kind, good and bad, to call."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import practice_worker
import trustme
from daemon_process import DaemonProcess, Table, running_daemon

LOOPBACK = "127.0.0.1"
GRACE_S = 0.2  # there are jobs that never end


@contextmanager
def practice_daemon(
    directory: Path, *, below: Sequence[str] = ()
) -> Iterator[DaemonProcess]:
    """Run a dispatcher that knows these hosts, and stop it in order.

    `worker` keeps connections, `original` closes them, `refusing` listens to nobody,
    `silent` accepts and says nothing, `nowhere` has an address that does not exist,
    `beside` a Unix socket that does not.
    """
    ca = trustme.CA()
    ca_file = directory / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    with ExitStack() as stack:
        original, kept = stack.enter_context(_worker(directory, ca))
        refusing = stack.enter_context(socket.socket())
        refusing.bind((LOOPBACK, 0))
        silent = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=100))
        hosts: Mapping[str, Table] = {
            "worker": {"address": LOOPBACK, "port": kept, "password": "secret"},
            "original": {"address": LOOPBACK, "port": original},
            "refusing": {"address": LOOPBACK, "port": refusing.getsockname()[1]},
            "silent": {"address": LOOPBACK, "port": silent.getsockname()[1]},
            "nowhere": {"address": "nowhere.invalid"},  # RFC 6761: never resolves
            "beside": {"unix": str(directory / "no-such-socket")},
        }
        more: Table = {
            "ca_file": str(ca_file),
            "stop_grace_s": GRACE_S,
            "websocket.listen": f"{LOOPBACK}:0",
        }
        daemon = stack.enter_context(
            running_daemon(
                directory / "daemon", hosts=hosts, settings=more, below=below
            )
        )
        yield daemon
        daemon.terminate()
        assert daemon.wait() == 0


@contextmanager
def _worker(directory: Path, ca: trustme.CA) -> Iterator[tuple[int, int]]:
    issued = ca.issue_cert(LOOPBACK)
    cert, key = directory / "worker.pem", directory / "worker.key"
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    command = [sys.executable, practice_worker.__file__, str(cert), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            original, kept = map(int, process.stdout.readline().split())
            yield original, kept
        finally:
            process.kill()
