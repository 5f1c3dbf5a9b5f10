"""An HTTP server on a real socket: keeps what it is asked, answers as scripted."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeAlias

import attrs
import trio

Act: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]
"""What is done with a connection once the request is read."""


@attrs.frozen(kw_only=True)
class Heard:
    """A request as it was written; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    names: list[str]
    body: bytes


@attrs.define
class HttpPeer:
    """What runs: where, what it was asked, and the connections that it has had."""

    url: str
    port: int
    heard: list[Heard] = attrs.field(factory=list)
    opened: int = 0
    over: int = 0
    most: int = 0  # at one time

    def is_left(self) -> bool:
        """Tell whether nobody is connected."""
        return self.over == self.opened


@asynccontextmanager
async def http_peer(
    *script: bytes | Act, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpPeer]:
    """Run it; the last step of the script repeats."""
    peer = HttpPeer("", 0)
    async with listening(partial(_serve, peer, script, tls)) as url:
        peer.url = url if tls is None else url.replace("http:", "https:")
        peer.port = int(url.rpartition(":")[2])
        yield peer


@asynccontextmanager
async def listening(
    serve: Callable[[trio.SocketStream], Awaitable[None]],
) -> AsyncIterator[str]:
    """Let all who connect be served so; give where that is."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield f"http://localhost:{port}"
        nursery.cancel_scope.cancel()


async def _serve(
    peer: HttpPeer,
    script: tuple[bytes | Act, ...],
    tls: ssl.SSLContext | None,
    stream: trio.abc.Stream,
) -> None:
    peer.opened += 1
    peer.most = max(peer.most, peer.opened - peer.over)
    if tls is not None:
        stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
    async with stream:
        with suppress(trio.BrokenResourceError):
            heard = await _hear(stream)
            if heard is not None:
                step = script[min(len(peer.heard), len(script) - 1)]
                peer.heard.append(heard)
                await (
                    stream.send_all(step) if isinstance(step, bytes) else step(stream)
                )
    peer.over += 1


async def _hear(stream: trio.abc.Stream) -> Heard | None:
    text = b""
    while b"\r\n\r\n" not in text:
        piece = await stream.receive_some()
        if not piece:
            return None
        text += piece
    head, _, body = bytes(text).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    while len(body) < int(headers.get("content-length", "0")):
        piece = await stream.receive_some()
        if not piece:
            return None
        body += piece
    method, target, _ = first.split(" ")
    names = [name.lower() for name, _ in pairs]
    return Heard(
        method=method, target=target, headers=headers, names=names, body=bytes(body)
    )


# ── what it does ──
def answer(status: int = 200, body: bytes = b"", *headers: str) -> bytes:
    """Return an answer, whole."""
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(status: int, location: str) -> bytes:
    """Return an answer that sends elsewhere."""
    return answer(status, b"", f"Location: {location}")


def for_ever(first: bytes, then: bytes, pause_s: float = 0) -> Act:
    """Return what says something, and goes on and on until nobody listens."""

    async def act(stream: trio.abc.Stream) -> None:
        await stream.send_all(first)
        while True:
            await stream.send_all(then)
            await trio.sleep(pause_s)

    return act


async def silence(stream: trio.abc.Stream) -> None:
    """Say nothing until the other side leaves."""
    await stream.receive_some(1)


def half(first: bytes) -> Act:
    """Return what says something, and then nothing more until the other side leaves."""

    async def act(stream: trio.abc.Stream) -> None:
        await stream.send_all(first)
        await stream.receive_some(1)

    return act
