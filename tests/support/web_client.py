"""Asks a daemon's HTTP side, as an operator's tools do."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from daemon_process import DaemonProcess
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from indira.client import AdminClient

LIMIT_S = 60
ON = {"http.listen": "127.0.0.1:0"}


@attrs.frozen(kw_only=True)
class Told:
    """An answer, and how long it took."""

    status: int
    content_type: str
    body: bytes
    took_s: float
    headers: http.client.HTTPMessage

    @property
    def value(self) -> Any:
        """The body, which is JSON."""
        assert self.content_type == "application/json", self
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The word of the error that it is."""
        return str(self.value["error"]["type"])

    @property
    def reasons(self) -> list[str]:
        """Why the daemon is not ready."""
        told = json.loads(self.body)
        assert told["ready"] is (self.status == 200)
        found: list[str] = told["reasons"]
        return found


class WebClient:
    """One connection, kept for one request after the other."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def __enter__(self) -> WebClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str, **headers: str) -> Told:
        """Return the answer."""
        return self.ask("GET", path, None, **headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Told:
        """Return the answer to a request; `_` in the names of headers is a dash."""
        begun = time.monotonic()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        answer = self._connection.getresponse()
        return Told(
            status=answer.status,
            content_type=answer.headers["Content-Type"],
            body=answer.read(),
            took_s=time.monotonic() - begun,
            headers=answer.headers,
        )

    def submit(self, call: Mapping[str, Any], **headers: str) -> Told:
        """Return the answer to a call."""
        body = json.dumps(call).encode()
        headers.setdefault("Content_Type", "application/json")
        return self.ask("POST", "/v1/calls", body, **headers)


def web_address(daemon: DaemonProcess) -> tuple[str, int]:
    """Return where the daemon serves HTTP."""
    with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as client:
        [address] = client.send("status", wait=True)["http"]
    host, _, port = address.rpartition(":")
    return host, int(port)


def web_client(daemon: DaemonProcess) -> WebClient:
    """Return a new connection to where the daemon serves HTTP."""
    host, port = web_address(daemon)
    return WebClient(http.client.HTTPConnection(host, port, timeout=LIMIT_S))


def web_client_at(path: Path) -> WebClient:
    """Return a new connection by a Unix socket."""
    connection = http.client.HTTPConnection("anything", timeout=LIMIT_S)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(LIMIT_S)
    connection.sock.connect(str(path))
    return WebClient(connection)


def families(text: bytes) -> dict[str, Metric]:
    """Return the metrics by name; the text has to be as OpenMetrics wants it."""
    read: Any = text_string_to_metric_families  # it has no types
    found: list[Metric] = list(read(text.decode()))
    names = [metric.name for metric in found]
    assert len(set(names)) == len(names)
    return dict(zip(names, found, strict=True))


class Figures:
    """All metrics of one moment."""

    def __init__(self, text: bytes) -> None:
        self.families = families(text)

    def value(self, sample: str, **labels: str) -> float:
        """Return the value of the one sample of this name and these labels."""
        [value] = [
            float(one.value)
            for metric in self.families.values()
            for one in metric.samples
            if (one.name, one.labels) == (sample, labels)
        ]
        return value

    def sample_names(self) -> set[str]:
        """Return the names that an operator asks for; a histogram's is its family's."""
        return {
            metric.name if metric.type == "histogram" else sample
            for metric in self.families.values()
            for sample in {one.name for one in metric.samples}
            or {f"{metric.name}_total"}
        }

    def series_count(self) -> int:
        """Return how many values there are."""
        return sum(len(metric.samples) for metric in self.families.values())


def figures(client: WebClient) -> Figures:
    """Return the metrics of now."""
    told = client.get("/metrics")
    assert told.status == 200, told.body
    return Figures(told.body)
