"""How the dispatcher shares out the files and sockets it may have open."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest
from daemon_process import DaemonProcess, running_daemon
from practice_daemon import LOOPBACK, practice_daemon

CLIENTS = 300
JOBS = 40
COUNT = {"host": "original", "procedure": "count", "arguments": {"n": 2, "gap": 0.5}}

pytestmark = pytest.mark.skipif(
    shutil.which("prlimit") is None, reason="no prlimit(1) on this machine"
)


def limited_to(soft: int, hard: int) -> Sequence[str]:
    """Return what a command is started by to have these limits."""
    return ("prlimit", f"--nofile={soft}:{hard}")


def limits_of(daemon: DaemonProcess) -> list[str]:
    """Return the limits of open files that it has now, the soft one first."""
    lines = Path(f"/proc/{daemon.pid}/limits").read_text().splitlines()
    [found] = [line for line in lines if line.startswith("Max open files")]
    return found.split()[3:5]


def ask(
    caller: socket.socket, replies: IO[bytes], request: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the one line that answers `request` in a session."""
    caller.sendall(json.dumps({"harpcaller": 1, **request}).encode() + b"\n")
    reply: dict[str, Any] = json.loads(replies.readline())
    return reply


def test_the_dispatcher_takes_as_many_as_it_may(tmp_path: Path) -> None:
    """1024 are what a shell gives, and are few for a thousand jobs."""
    with running_daemon(tmp_path, below=limited_to(200, 900)) as daemon:
        assert limits_of(daemon) == ["900", "900"]


def test_idle_clients_leave_room_for_jobs(tmp_path: Path) -> None:
    """Each running job has a connection too; who is turned away must not hold one."""
    with (
        practice_daemon(tmp_path, below=limited_to(256, 256)) as daemon,
        ExitStack() as stack,
    ):
        caller = stack.enter_context(daemon.connect())
        replies = stack.enter_context(caller.makefile("rb"))
        ask(caller, replies, {"hello": True})
        for _ in range(CLIENTS):
            idle = socket.create_connection((LOOPBACK, daemon.port), timeout=60)
            stack.enter_context(idle)

        jobs = [ask(caller, replies, COUNT)["job_id"] for _ in range(JOBS)]
        results = [ask(caller, replies, {"get_result": job}) for job in jobs]

        assert results == [{"result": 2}] * JOBS


def test_without_a_descriptor_for_a_client_it_waits_its_turn(tmp_path: Path) -> None:
    """The kernel keeps it; when others have left it is served, and nobody was hurt."""
    more = {"max_connections": 10_000}
    with running_daemon(tmp_path, settings=more, below=limited_to(64, 64)) as daemon:
        with ExitStack() as stack:
            crowd = [stack.enter_context(daemon.connect()) for _ in range(100)]
            crowd[-1].settimeout(0.3)
            crowd[-1].sendall(b'{"harpcaller":1,"cancel":"nothing"}\n')
            with pytest.raises(TimeoutError):
                crowd[-1].recv(1000)
            for client in crowd[:-1]:
                client.close()
            crowd[-1].settimeout(60)

            assert crowd[-1].recv(1000) == b'{"cancelled":false}\n'

        assert daemon.log.read_text().count("accept.failed") == 1
