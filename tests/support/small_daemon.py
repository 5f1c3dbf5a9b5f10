"""A daemon that does nothing but be administered: `python small_daemon.py SOCKET`.

It prints "ready" once it listens, and ends with 7 when it was stopped at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import trio

from indira.commands import Arguments, Command, CommandTable, Kind, Parameter, Reply
from indira.server import listening, serve
from indira.service import READY, notify, pid_file, receive_stops

GRACE_S = 0.2  # what an orderly stop takes
STOPPED_NOW = 7


@contextmanager
def running(path: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a small daemon that listens on `path`; nothing of it is left behind."""
    with subprocess.Popen(
        [sys.executable, __file__, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "ready\n"
        try:
            yield daemon
        finally:
            daemon.kill()


class SmallDaemon:
    """Lists the numbers to 250 in pages; owns its stopping."""

    def __init__(self) -> None:
        self.stopping = trio.Event()
        self.exit_code = 0

    def table(self) -> CommandTable:
        """Return what it may be asked."""
        after = Parameter(name="after", kind=Kind.TEXT, help="")
        wait = Parameter(name="wait", kind=Kind.FLAG, help="")
        return CommandTable(
            [
                Command(name="status", help="", run=self._status, parameters=(wait,)),
                Command(name="stop", help="", run=self._stop),
                Command(name="list_queues", help="", run=_list, parameters=(after,)),
                Command(name="refresh_hosts", help="", run=_never),
            ]
        )

    def stop_now(self) -> None:
        """End without grace."""
        self.exit_code = STOPPED_NOW
        self.stopping.set()

    async def _status(self, _: Arguments) -> Reply:
        return {"result": "running", "pid": os.getpid()}

    async def _stop(self, _: Arguments) -> Reply:
        self.stopping.set()
        return {"result": "ok", "pid": os.getpid()}

    async def run(self, path: Path) -> int:
        """Serve until stopped; return the exit code."""
        async with listening(path) as listener, trio.open_nursery() as nursery:
            await nursery.start(serve, listener, self.table())
            await nursery.start(receive_stops, self.stopping.set, self.stop_now)
            notify(READY, f"MAINPID={os.getpid()}")
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await self.stopping.wait()
            await trio.sleep(GRACE_S)
            nursery.cancel_scope.cancel()
        return self.exit_code


async def _list(arguments: Arguments) -> Reply:
    start = int(arguments.text("after") or 0)
    end = min(start + 100, 250)
    return {
        "result": "ok",
        "queues": list(range(start, end)),
        "after": str(end) if end < 250 else None,
    }


async def _never(_: Arguments) -> Reply:
    await trio.sleep_forever()
    return {}


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    socket = Path(sys.argv[1])
    with pid_file(socket.with_name("pid")):
        sys.exit(trio.run(SmallDaemon().run, socket))
