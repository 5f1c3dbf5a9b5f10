"""An HTTP server that answers each connection with the next bytes of a script."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

SILENCE = b""
DRIP = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"  # then a byte now and then
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"  # no length, and more to come
DRIPS = 20


def answer(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    """Return what a server says before it closes; it tells how long `body` is."""
    lines = (b"Content-Length: %d" % len(body), b"Connection: close", *headers)
    head = b"HTTP/1.1 %d As Scripted\r\n%b" % (status, b"\r\n".join(lines))
    return head + b"\r\n\r\n" + body


def refusal(status: int, code: str) -> bytes:
    """Return how S3 refuses."""
    return answer(status, b"<Error><Code>%b</Code></Error>" % code.encode())


SLOW_DOWN = refusal(503, "SlowDown")


@attrs.define
class ScriptedHttp:
    """What runs: its address, and how many connections it has had."""

    url: str
    connections: int = 0


@contextmanager
def scripted_http(*answers: bytes) -> Iterator[ScriptedHttp]:
    """Run it; the last answer repeats. It says nothing for SILENCE, and holds on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = ScriptedHttp(f"http://127.0.0.1:{port}")
        thread = threading.Thread(target=_serve, args=(listener, server, answers))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _serve(
    listener: socket.socket, server: ScriptedHttp, answers: Sequence[bytes]
) -> None:
    held: list[socket.socket] = []
    try:
        while True:
            client, _ = listener.accept()
            held.append(client)
            step = answers[min(server.connections, len(answers) - 1)]
            server.connections += 1
            if step != SILENCE:
                _answer(client, step)
    except OSError:
        return  # the listener was closed
    finally:
        for client in held:
            client.close()


def _answer(client: socket.socket, step: bytes) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65536)
    try:
        client.sendall(step)
        for _ in range(64 if step == ENDLESS else 0):
            client.sendall(b" " * 65536)
        for _ in range(DRIPS if step == DRIP else 0):
            time.sleep(0.1)
            client.sendall(b" ")
        client.shutdown(socket.SHUT_WR)
    except OSError:
        return  # who asked has had enough
