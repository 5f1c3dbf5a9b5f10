"""What a browser's EventSource does: reads events, and comes again where it was."""

from __future__ import annotations

import json
from typing import Any

import attrs
import trio

LIMIT_S = 40
AGAIN_S = 0.05
_GONE = (OSError, trio.BrokenResourceError, EOFError)


@attrs.frozen(kw_only=True)
class Event:
    """One of them; `id` is None where it had none."""

    kind: str
    data: Any
    id: int | None = None


@attrs.define
class EventSource:
    """Follows one path until its `end`, across as many connections as it takes."""

    path: str
    headers: tuple[str, ...] = ()
    events: list[Event] = attrs.field(factory=list)
    comments: int = 0
    connections: int = 0
    last_id: int | None = None

    @property
    def numbers(self) -> list[int]:
        """The numbers of the packets, as they came."""
        return [event.data["packet"] for event in self.events if event.id is not None]

    @property
    def end(self) -> Any:
        """How the job ended; the last event has to be that."""
        assert self.events[-1].kind == "end", self.events[-1]
        return self.events[-1].data

    async def run(self, port: int) -> None:
        """Follow to the end; a server that is gone is looked for again."""
        with trio.fail_after(LIMIT_S):
            while not self.events or self.events[-1].kind != "end":
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
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        self.comments += "" in fields
        if "data" in fields:
            number = int(fields["id"]) if "id" in fields else None
            self.last_id = self.last_id if number is None else number
            self.events.append(
                Event(
                    kind=fields.get("event", "message"),
                    data=json.loads(fields["data"]),
                    id=number,
                )
            )


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
