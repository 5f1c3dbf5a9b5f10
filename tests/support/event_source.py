"""What a browser's EventSource does: reads events, and comes again where it was."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
import trio

LIMIT_S = 40
AGAIN_S = 0.05
_GONE = (OSError, trio.BrokenResourceError, EOFError)


_PACKET = re.compile(r'id: (\d+)\ndata: \{"packet":(\d+),"data":.*\}')


@attrs.define
class EventSource:
    """Follows one path until its `end`, across as many connections as it takes.

    `numbers` are those of the packets, as they came; `last_words` is the event that
    came last, if it was no packet.
    """

    path: str
    headers: tuple[str, ...] = ()
    numbers: list[int] = attrs.field(factory=list)
    last_words: dict[str, str] = attrs.field(factory=dict)
    connections: int = 0
    last_id: int | None = None

    @property
    def end(self) -> Any:
        """How the job ended; the last event has to be that."""
        assert self.last_words["event"] == "end", self.last_words
        return json.loads(self.last_words["data"])

    async def run(self, port: int) -> None:
        """Follow to the end; a server that is gone is looked for again."""
        with trio.fail_after(LIMIT_S):
            while self.last_words.get("event") != "end":
                try:
                    await self._follow(await trio.open_tcp_stream("127.0.0.1", port))
                except _GONE:
                    await trio.sleep(AGAIN_S)

    async def _follow(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            await stream.send_all(self._request())
            body = _Chunks(stream)
            head = await body.head()
            assert head.startswith(b"HTTP/1.1 200 "), head
            text = b""
            while data := await body.next():
                *blocks, text = (text + data).split(b"\n\n")
                for block in blocks:
                    self._take(block.decode())

    def _request(self) -> bytes:
        lines = [f"GET {self.path} HTTP/1.1", "Host: localhost", *self.headers]
        if self.last_id is not None:
            lines.append(f"Last-Event-ID: {self.last_id}")
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()

    def _take(self, block: str) -> None:
        packet = _PACKET.fullmatch(block)
        if packet is None:
            self.last_words = dict(line.split(": ", 1) for line in block.split("\n"))
            return
        self.last_id, number = map(int, packet.groups())
        assert self.last_id == number
        self.numbers.append(number)
        self.last_words.clear()


class _Chunks:
    """Reads the body of an answer whose length nobody knows beforehand."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._data = b""

    async def head(self) -> bytes:
        return await self._until(b"\r\n\r\n")

    async def next(self) -> bytes:
        size = int(await self._until(b"\r\n"), 16)
        while len(self._data) < size + 2:
            await self._more()
        chunk, self._data = self._data[:size], self._data[size + 2 :]
        return chunk

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._data:
            await self._more()
        found, _, self._data = self._data.partition(mark)
        return found

    async def _more(self) -> None:
        data = await self._stream.receive_some(65536)
        if not data:
            raise EOFError
        self._data += data
