"""Asks a dispatcher about Harmony's messages over HTTP, and how many jobs it has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from email.message import Message
from typing import Any

import attrs
from harmony_daemon import HarmonyDaemon
from unix_http import UnixConnection

JSON = {"Content-Type": "application/json"}


@attrs.frozen
class Told:
    """An answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The sentence that it is."""
        assert self.headers["Content-Type"].startswith("text/plain")
        return self.body.decode()

    @property
    def job_id(self) -> str:
        """The job that was accepted."""
        assert self.status == 202, self
        return str(json.loads(self.body)["job_id"])


def ask(
    harmony: HarmonyDaemon,
    target: str,
    body: Any,
    headers: Mapping[str, str] = JSON,
    method: str = "POST",
) -> Told:
    """Return the answer to a request over HTTP."""
    connection = UnixConnection(harmony.daemon.directory.parent / "http")
    data = body if isinstance(body, bytes) else json.dumps(body)
    connection.request(method, target, data, dict(headers))
    response = connection.getresponse()
    told = Told(response.status, response.headers, response.read())
    connection.close()
    return told


def jobs(harmony: HarmonyDaemon) -> int:
    """Return how many jobs there are."""
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "harpcaller"),
            *("--socket", str(harmony.daemon.admin_socket), "list", "--all", "--json"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return len(asked.stdout.splitlines())
