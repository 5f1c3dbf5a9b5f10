"""An HTTP server that plays Harmony: it records what is posted, and answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import attrs

PATH = "/service/one"


@attrs.frozen(kw_only=True)
class Told:
    """One post."""

    method: str
    path: str
    query: str  # as it was encoded
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """What was posted, decoded."""
        return dict(parse_qsl(self.query))


@attrs.define
class Recorder:
    """What was posted, in order; `status` says what is answered to each."""

    url: str
    status: Callable[[Told], int] = attrs.field(default=lambda _: 200)
    posts: list[Told] = attrs.field(factory=list)

    @property
    def callback(self) -> str:
        """The URL that a message names."""
        return f"{self.url}{PATH}"

    def parameters(self, callback: str = "") -> list[dict[str, str]]:
        """Return what was posted, in order, to one callback if it is given."""
        path = callback.removeprefix(self.url)
        return [post.parameters for post in self.posts if post.path.startswith(path)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    recorder: Recorder


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Record a post."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length", "0"))
        told = Told(
            method=self.command,
            path=path,
            query=query,
            headers=dict(self.headers.items()),
            body=self.rfile.read(length),
        )
        recorder = self.server.recorder
        status = recorder.status(told)
        recorder.posts.append(told)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"Ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def running_recorder(tls: ssl.SSLContext | None = None) -> Iterator[Recorder]:
    """Run it until the block ends; with TLS it is called `localhost`."""
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        port = server.server_address[1]
        server.recorder = Recorder(f"http://127.0.0.1:{port}")
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            server.recorder.url = f"https://localhost:{port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.recorder
        finally:
            server.shutdown()
            thread.join(10)
