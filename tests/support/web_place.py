"""A gateway on a real socket, with routes and limits of a test's own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import trio

from harpcaller.addresses import TcpAddress
from harpcaller.doors import Door
from harpcaller.front.accept import accept_for_ever
from harpcaller.front.sockets import open_listeners
from harpcaller.gateway.app import application
from harpcaller.gateway.connection import Patience
from harpcaller.gateway.endpoint import Endpoint, Handler
from harpcaller.gateway.house import House
from harpcaller.gateway.server import Caps, Gateway
from harpcaller.gateway.treatment import Requests, Treatment
from harpcaller.identities.reception import Reception
from harpcaller.meters import Accepts

_LENGTH = re.compile(rb"content-length: ([0-9]+)", re.IGNORECASE)
LIMIT_S = 60


@attrs.frozen(kw_only=True)
class Answer:
    """One answer, as it was on the wire."""

    status: int
    head: bytes
    body: bytes


@attrs.frozen(kw_only=True)
class Place:
    """A gateway that serves, and what it counted."""

    host: str
    port: int
    gateway: Gateway
    requests: Requests
    house: House
    sessions: trio.Nursery

    async def connect(self) -> Peer:
        """Return a new connection."""
        return Peer(await trio.open_tcp_stream(self.host, self.port))

    async def ask(self, data: bytes) -> Answer:
        """Return the first answer to `data`, on a connection of its own."""
        async with await self.connect() as peer:
            await peer.send(data)
            return await peer.receive()


class Peer:
    """The client's end of a connection: it sends what it likes."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._data = b""

    async def __aenter__(self) -> Peer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.aclose()

    async def send(self, data: bytes) -> None:
        """Send `data`; a server may close before it has all of it."""
        with suppress(trio.BrokenResourceError):  # its last words are still to be read
            await self._stream.send_all(data)

    async def leave(self) -> None:
        """Close at once."""
        await self._stream.aclose()

    async def receive(self) -> Answer:
        """Return the next answer."""
        with trio.fail_after(LIMIT_S):
            while b"\r\n\r\n" not in self._data:
                await self._more()
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            while len(self._data) < size:
                await self._more()
        body, self._data = self._data[:size], self._data[size:]
        return Answer(status=int(head.split()[1]), head=head, body=body)

    async def receive_end(self) -> bytes:
        """Return what comes before the server closes."""
        with trio.fail_after(LIMIT_S):
            try:
                while True:
                    await self._more()
            except (EOFError, trio.BrokenResourceError):
                return self._data

    async def _more(self) -> None:
        data = await self._stream.receive_some()
        if not data:
            raise EOFError(self._data)
        self._data += data


def get(path: str, *lines: str) -> bytes:
    """Return a request without a body."""
    head = [f"GET {path} HTTP/1.1", "Host: localhost", *lines]
    return "".join(f"{line}\r\n" for line in [*head, ""]).encode()


def post(path: str, *lines: str) -> bytes:
    """Return the head of a request with a body."""
    return get(path, *lines).replace(b"GET", b"POST", 1)


def route(path: str, handler: Handler, **limits: Any) -> list[Endpoint]:
    """Return endpoints for GET, HEAD and POST that ask nobody who he is."""
    more = {"operation": {}, "max_body_bytes": 1000, **limits}
    return [
        Endpoint(method=method, path=path, handler=handler, **more)
        for method in ("GET", "HEAD", "POST")
    ]


@asynccontextmanager
async def a_gateway(
    endpoints: Sequence[Endpoint],
    patience: Patience | None = None,
    caps: Caps | None = None,
    host: str = "127.0.0.1",
    house: House | None = None,
) -> AsyncIterator[Place]:
    """Serve `endpoints` until the block ends."""
    requests, house = Requests(), house or House(Reception())
    app = Treatment(application(endpoints, house), requests, house)
    gateway = Gateway(app, patience or Patience(), caps or Caps())
    [listening] = await open_listeners([TcpAddress(host, 0)])
    assert isinstance(listening.address, TcpAddress)
    door = Door(listening.address, house.reception, gateway)
    async with trio.open_nursery() as sessions:
        sessions.start_soon(
            accept_for_ever, listening.sock, door.meet, sessions, Accepts()
        )
        yield Place(
            host=host,
            port=listening.address.port,
            gateway=gateway,
            requests=requests,
            house=house,
            sessions=sessions,
        )
        sessions.cancel_scope.cancel()
    listening.close()
