"""Workers for tests: one that says what a script says, and one like the original."""

from __future__ import annotations

import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from socket import SO_LINGER, SO_REUSEADDR, SOL_SOCKET
from typing import Any, TypeAlias

import attrs
import trio
import trustme

ANY_BYTES = 65536


class Wire:
    """The worker's end of one connection; `transport` is what is below TLS."""

    def __init__(self, stream: trio.abc.Stream, transport: trio.SocketStream) -> None:
        self.stream = stream
        self.transport = transport
        self._buffer = b""

    @property
    def alpn(self) -> str | None:
        """What was agreed on in the TLS handshake."""
        if isinstance(self.stream, trio.SSLStream):
            agreed: str | None = self.stream.selected_alpn_protocol()
            return agreed
        return None

    async def send_all(self, data: bytes) -> None:
        """Send bytes; a script may cut its lines as it likes."""
        await self.stream.send_all(data)

    async def receive_some(self) -> bytes:
        """Return what came next, b"" at the end."""
        return bytes(await self.stream.receive_some(ANY_BYTES))

    async def receive_line(self) -> bytes:
        """Return the next line without its end; b"" if the peer closed."""
        while b"\n" not in self._buffer:
            data = await self.receive_some()
            if not data:
                return b""
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    async def wait_closed(self) -> None:
        """Return when the peer has closed or reset the connection."""
        try:
            while await self.receive_some():
                pass
        except trio.BrokenResourceError:
            pass

    async def reset(self) -> None:
        """Close so that the peer sees a reset."""
        self.transport.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(self.transport)


Script: TypeAlias = Callable[[Wire, bytes], Awaitable[None]]
"""Called with the connection and the first line; when it returns, we close."""


@attrs.define
class FakeWorker:
    """A listening worker: where it is, and what it was asked."""

    address: tuple[str, int] | Path
    requests: list[bytes] = attrs.field(factory=list)
    connections: int = 0

    @property
    def port(self) -> int:
        """The TCP port."""
        assert isinstance(self.address, tuple)
        return self.address[1]


@asynccontextmanager
async def open_fake_worker(
    script: Script,
    *,
    tls: ssl.SSLContext | None = None,
    path: Path | None = None,
    handshakes: bool = True,
    reads_request: bool = True,
) -> AsyncIterator[FakeWorker]:
    """Serve `script` on loopback, or on the Unix socket `path`, until the block ends.

    Without `handshakes` the script gets the bare TCP connection, without
    `reads_request` it is called at once, with an empty line.
    """
    listener = await _listen(path)
    name = listener.socket.getsockname()
    worker = FakeWorker(address=path or (name[0], name[1]))

    async def serve(transport: trio.SocketStream) -> None:
        worker.connections += 1
        stream: trio.abc.Stream = transport
        if tls is not None and handshakes:
            stream = _tls_stream(transport, tls)
        wire = Wire(stream, transport)
        try:
            line = await wire.receive_line() if reads_request else b""
            if line:
                worker.requests.append(line)
            if line or not reads_request:
                await script(wire, line)
            await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the dispatcher closed first, or the script did
        finally:
            await trio.aclose_forcefully(transport)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield worker
        nursery.cancel_scope.cancel()


def _tls_stream(
    transport: trio.SocketStream, tls: ssl.SSLContext
) -> trio.SSLStream[trio.SocketStream]:
    return trio.SSLStream(transport, tls, server_side=True, https_compatible=True)


async def _listen(path: Path | None) -> trio.SocketListener:
    if path is None:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        return listener
    server = trio.socket.socket(trio.socket.AF_UNIX)
    server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    await server.bind(str(path))
    server.listen(100)
    return trio.SocketListener(server)


def server_context(
    ca: trustme.CA, *names: str, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """Return a worker's TLS context, its certificate for `names` signed by `ca`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def client_context(ca: trustme.CA, *, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return the context of a peer that trusts `ca` alone."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def says(*pieces: bytes, gap_s: float = 0) -> Script:
    """Return a script that sends `pieces`, `gap_s` apart, and closes."""

    async def script(wire: Wire, line: bytes) -> None:
        for piece in pieces:
            await wire.send_all(piece)
            await trio.sleep(gap_s)

    return script


def original_worker(
    procedures: Mapping[str, Callable[..., Any]],
    *,
    user: str = "user",
    password: str = "pass",  # noqa: S107 (a fake's)
) -> Script:
    """Return a worker as strict as the original: exact keys, one call, then a close.

    A generator function streams; what it returns is the result.
    """

    async def script(wire: Wire, line: bytes) -> None:
        fields = json.loads(line)
        complaint = _complaint(fields, procedures, {"user": user, "password": password})
        if complaint is not None:
            error = {"type": complaint, "message": f"refused: {complaint}"}
            await wire.send_all(_line({"harp": 1, "error": error}))
            return
        arguments = fields["arguments"]
        try:
            if isinstance(arguments, dict):
                value = procedures[fields["procedure"]](**arguments)
            else:
                value = procedures[fields["procedure"]](*arguments)
            streams = isinstance(value, Generator)
            await wire.send_all(_line({"harp": 1, "stream_result": streams}))
            if streams:
                value = await _stream(wire, value)
            await wire.send_all(_line({"result": value}))
        except ArithmeticError as error:
            words = {"type": type(error).__name__, "message": str(error)}
            await wire.send_all(_line({"harp": 1, "stream_result": False}))
            await wire.send_all(_line({"exception": words}))

    return script


def _complaint(
    fields: Any, procedures: Mapping[str, Any], auth: Mapping[str, str]
) -> str | None:
    if set(fields) != {"harp", "procedure", "arguments", "auth"}:
        return "invalid_request"
    if fields["auth"] != auth:
        return "auth_error"
    if fields["procedure"] not in procedures:
        return "no_such_procedure"
    return None


async def _stream(wire: Wire, packets: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            packet = next(packets)
        except StopIteration as end:
            return end.value
        await wire.send_all(_line({"stream": packet}))


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"
