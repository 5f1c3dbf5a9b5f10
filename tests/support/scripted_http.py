"""An HTTP server that answers each connection with the next bytes of a script."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

_SLOWER = b"<Error><Code>SlowDown</Code><Message>slower</Message></Error>"
SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
) % (len(_SLOWER), _SLOWER)
SILENCE = b""
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"  # no length, and more to come


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
            answer = answers[min(server.connections, len(answers) - 1)]
            server.connections += 1
            if answer != SILENCE:
                _answer(client, answer)
    except OSError:
        return  # the listener was closed
    finally:
        for client in held:
            client.close()


def _answer(client: socket.socket, answer: bytes) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65536)
    try:
        client.sendall(answer)
        for _ in range(64 if answer == ENDLESS else 0):
            client.sendall(b" " * 65536)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        return  # who asked has had enough
