"""Asks a dispatcher for something small, and knows how long it was held up at most."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

GAP_S = 0.005
LIMIT_S = 60


class LoopProbe:
    """One connection that asks all the time, and keeps the longest wait.

    A wait counts as long as the dispatcher was busy in it: on a machine that others
    use too, the clock alone would accuse it of what they do.
    """

    def __init__(self, port: int, pid: int, request: bytes) -> None:
        self._held_s = 0.0
        self._answers = 0
        self._port = port
        self._tasks = Path(f"/proc/{pid}/task")
        self._request = request
        self._is_over = threading.Event()

    @contextlib.contextmanager
    def probing(self) -> Iterator[None]:
        """Ask for the length of the block."""
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def take_worst(self) -> float:
        """Return the longest wait since this was called last, in seconds."""
        enough = self._answers + 2  # the question on its way now is the one that counts
        while self._answers < enough:
            time.sleep(GAP_S)
        worst_s, self._held_s = self._held_s, 0.0
        return worst_s

    def _ask(self) -> None:
        client = socket.create_connection(("127.0.0.1", self._port), LIMIT_S)
        with client, client.makefile("rb") as replies:
            while not self._is_over.wait(GAP_S):
                busy_s, begun = self._busy_s(), time.perf_counter()
                client.sendall(self._request)
                assert replies.readline().startswith(b'{"call"')
                waited_s = time.perf_counter() - begun
                held_s = min(waited_s, self._busy_s() - busy_s)
                self._held_s = max(self._held_s, held_s)
                self._answers += 1

    def _busy_s(self) -> float:
        """Return the CPU time of the dispatcher so far, all its threads together."""
        nanoseconds = 0
        for task in self._tasks.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread that has ended
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9
