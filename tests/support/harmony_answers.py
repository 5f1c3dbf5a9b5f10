"""A service of Harmony that is asked by HTTP, as far as a worker sees one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
from harmony_worker import KEY, TOKEN, USERS_TOKEN


@attrs.define
class FakeService:
    """An HTTP server that answers by the last part of the path."""

    port: int = 0
    watch: Callable[[], None] = attrs.field(default=lambda: None)  # at each POST
    requests: list[dict[str, Any]] = attrs.field(factory=list)

    def url(self, how: str) -> str:
        """Return the address of one way to answer."""
        return f"http://127.0.0.1:{self.port}/service/{how}?"


ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "named": (
        200,
        {
            "Content-Type": "image/png",
            "Content-Disposition": 'attachment; filename="../x.png"',
        },
        b"bytes",
    ),
    "plain": (200, {"Content-Type": "image/png"}, b"bytes"),
    "bare": (200, {}, b"b" * 3_000_000),
    "empty": (200, {}, b""),
    "redirect": (303, {"Location": "s3://bucket/x.nc"}, b""),
    "later": (202, {}, b"{}"),
    "forbidden": (403, {}, b"not you"),
    "wrong": (400, {}, b"no such variable"),
    "broken": (503, {}, b"come back with " + USERS_TOKEN.encode()),
}
LEAKING = {  # what a careless service says of whom it was asked for
    "quoting": (400, {}, f"no luck with {TOKEN}, {USERS_TOKEN}, {KEY}".encode()),
    "moving": (303, {"Location": f"https://h/x.nc?token={USERS_TOKEN}"}, b""),
    "naming": (
        200,
        {
            "Content-Type": "image/png",
            "Content-Disposition": f'attachment; filename="{USERS_TOKEN}.png"',
        },
        b"bytes",
    ),
}
EULA = b'{"error_description":"agree first","resolution_url":"https://h/eula"}'
GRANULES: dict[str, tuple[int, bytes]] = {
    "forbidden": (403, b"not you"),
    "eula": (403, EULA),
    "busy": (503, b"later"),
}


@contextmanager
def running_service() -> Iterator[FakeService]:
    """Serve until the block ends; what is asked is kept."""
    fake = FakeService()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            message = json.loads(self.rfile.read(length))
            fake.requests.append({"headers": dict(self.headers), "message": message})
            fake.watch()
            how = self.path.removeprefix("/service/").removesuffix("?")
            known = ANSWERS | LEAKING
            status, headers, body = known.get(how, ANSWERS["bare"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + (how == "torn")))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            fake.requests.append({"headers": dict(self.headers), "path": self.path})
            how = self.path.partition("?")[0].rpartition("/")[2]
            status, body = GRANULES.get(how, (200, b"granule"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        fake.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()
