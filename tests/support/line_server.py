"""A dispatcher that follows a script: each connection gets the next answer in it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

HOLD = "hold"
"""Keep the connection until the client closes it."""

NEXT = "next"
"""Read the next line of the same connection."""

Step: TypeAlias = bytes | float | str
"""Bytes are sent, a number is seconds that pass, a word is one of the above."""

JOB = "6f1ed002-ab5c-4a3e-8c1d-1a2b3c4d5e6f"
ACCEPTED = b'{"harpcaller":1,"job_id":"%b"}\n' % JOB.encode()
LIMIT_S = 60


class LineServer:
    """Listens in a thread; `requests` are the lines it was sent, as values.

    The n-th connection sends one line and is answered with the n-th of `answers`;
    connections beyond the last are closed at once.
    """

    def __init__(
        self, *answers: Sequence[Step], path: Path | None = None, port: int = 0
    ) -> None:
        self.requests: list[Any] = []
        self.lines: list[bytes] = []
        self._noted = threading.Condition()
        self._answers = list(answers)
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", port))
            self.port = self._listener.getsockname()[1]
            self.address = f"127.0.0.1:{self.port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self._listener.listen()
            self.address = f"unix:{path}"
        self._conversations: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self._thread.join(LIMIT_S)
        for thread in self._conversations:
            thread.join(LIMIT_S)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            answer = self._answers.pop(0) if self._answers else None
            thread = threading.Thread(target=self._converse, args=(peer, answer))
            self._conversations.append(thread)
            thread.start()

    def _converse(self, peer: socket.socket, answer: Sequence[Step] | None) -> None:
        # A client may leave before the end of its answer: some tests are about that.
        with peer, suppress(BrokenPipeError, ConnectionResetError):
            peer.settimeout(LIMIT_S)
            if answer is not None:
                self._answer(peer, answer)

    def _answer(self, peer: socket.socket, answer: Sequence[Step]) -> None:
        with peer.makefile("rb") as lines:
            for step in (NEXT, *answer):
                match step:
                    case bytes():
                        peer.sendall(step)
                    case str() if step == NEXT:
                        self._note(lines.readline())
                    case str():
                        lines.read()
                    case _:
                        time.sleep(step)

    def _note(self, line: bytes) -> None:
        with self._noted:
            self.lines.append(line)
            self.requests.append(json.loads(line) if line else None)
            self._noted.notify_all()

    def wait_for_requests(self, number: int) -> None:
        """Return when so many have come."""
        with self._noted:
            assert self._noted.wait_for(lambda: len(self.requests) >= number, LIMIT_S)


def packets(first: int, *values: Any) -> bytes:
    """Return the lines of consecutive packets."""
    return b"".join(
        b'{"packet":%d,"data":%b}\n' % (number, json.dumps(value).encode())
        for number, value in enumerate(values, first)
    )
