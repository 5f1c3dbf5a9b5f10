"""Servers to compare with: what trio and SQLite cost without our code.

    python bench/bare.py echo              each line comes back
    python bench/bare.py durable FILE      each line is a row of FILE before the reply

Prints the port it listens on. The durable one commits, in one thread, whatever waits
together; a row has an id, the line and two columns, and one index.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from pathlib import Path

import apsw
import trio

SCHEMA = """
create table job (id blob primary key, line blob, state int, at real) without rowid;
create index waiting on job (at) where state = 0;
"""


class Keeper:
    """Commits lines in groups: one thread, one connection."""

    def __init__(self, path: Path) -> None:
        self.db = apsw.Connection(str(path))
        self.db.pragma("journal_mode", "wal")
        self.db.pragma("synchronous", "full")
        self.db.execute(SCHEMA)
        self.waiting: queue.SimpleQueue[tuple[list[bytes], trio.Event]]
        self.waiting = queue.SimpleQueue()
        self.token = trio.lowlevel.current_trio_token()
        threading.Thread(target=self.run, daemon=True).start()

    async def keep(self, lines: list[bytes]) -> None:
        """Return when `lines` are durable."""
        event = trio.Event()
        self.waiting.put((lines, event))
        await event.wait()

    def run(self) -> None:
        """Commit what waits, for ever."""
        while True:
            lot = [self.waiting.get()]
            while not self.waiting.empty():
                lot.append(self.waiting.get())
            self.db.execute("begin immediate")
            for lines, _ in lot:
                for line in lines:
                    row = (os.urandom(16), line, 0, 1.5)
                    self.db.execute("insert into job values (?, ?, ?, ?)", row)
            self.db.execute("commit")
            self.token.run_sync_soon(tell, [event for _, event in lot])


def tell(events: list[trio.Event]) -> None:
    """Wake all who wait for a commit."""
    for event in events:
        event.set()


async def serve(keeper: Keeper | None, stream: trio.SocketStream) -> None:
    """Answer every line of one client."""
    rest = b""
    async with stream:
        while data := await stream.receive_some(65536):
            *lines, rest = (rest + data).split(b"\n")
            if keeper is not None and lines:
                await keeper.keep(lines)
            await stream.send_all(b"".join([line + b"\n" for line in lines]))


async def main() -> None:
    """Listen on a free port and print it."""
    keeper = Keeper(Path(sys.argv[2])) if sys.argv[1] == "durable" else None

    async def meet(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await serve(keeper, stream)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(meet, listeners)


if __name__ == "__main__":
    trio.run(main)
