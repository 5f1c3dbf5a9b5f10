"""A monitor of workflows that answers as it is told, and remembers what it heard."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import attrs

M1 = {"status": "running", "version": "1.0.0"}


@attrs.frozen(kw_only=True)
class Heard:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The message that an update tells, whatever its form."""
        if self.path == "/update_workflow_status":
            form = parse_qs(self.body.decode())
            told: dict[str, Any] = json.loads(form["msg"][0])
            return told
        update: dict[str, Any] = json.loads(self.body)
        message: dict[str, Any] = update["message"]
        return message


@attrs.frozen(kw_only=True)
class Said:
    """An answer."""

    status: int = 200
    body: Any = attrs.field(factory=dict)
    location: str | None = None


Script: TypeAlias = Callable[[Heard], Said | None]
"""Returns an answer of its own, None where the usual one will do."""


@attrs.define
class ScriptedMonitor:
    """What it heard, and what it says where it does not do the usual."""

    script: Script
    url: str = ""
    heard: list[Heard] = attrs.field(factory=list)
    workflows: int = 0

    def updates(self) -> list[dict[str, Any]]:
        """Return the messages that were told, in their order."""
        return [one.message for one in self.heard if "update" in one.path]

    def levels(self) -> list[str]:
        """Return their levels."""
        return [message["level"] for message in self.updates()]

    def paths(self) -> list[str]:
        """Return what was asked for, without queries."""
        return [f"{one.method} {urlsplit(one.path).path}" for one in self.heard]

    def answer(self, heard: Heard) -> Said:
        """Return what is answered: by the script, or as a monitor of m1."""
        self.heard.append(heard)
        said = self.script(heard)
        return said if said is not None else self._usual(heard.path)

    def _usual(self, path: str) -> Said:
        if path == "/m1/":
            return Said(body=M1)
        if path == "/m1/workflow/create/":
            self.workflows += 1
            place = f"/workflows/{self.workflows}/"
            return Said(status=201, body={"id": str(self.workflows)}, location=place)
        if path == "/m1/workflow/update/":
            return Said(status=202)
        return Said(status=404)


@contextmanager
def scripted_monitor(script: Script = lambda _: None) -> Iterator[ScriptedMonitor]:
    """Serve while the block runs."""
    monitor = ScriptedMonitor(script)

    class Talk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            heard = Heard(
                method=self.command,
                path=self.path,
                headers=dict(self.headers.items()),
                body=self.rfile.read(size),
            )
            said = monitor.answer(heard)
            body = said.body if isinstance(said.body, bytes) else None
            body = json.dumps(said.body).encode() if body is None else body
            self.send_response(said.status)
            if said.location is not None:
                self.send_header("Location", said.location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (http.server's name)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Talk) as server:
        monitor.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield monitor
        finally:
            server.shutdown()
            thread.join()
