"""A daemon that asks its HTTP clients who they are, in clear and by TLS."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trustme
from daemon_process import Table
from guarded_daemon import Guarded, guarded_daemon, with_token
from web_client import LIMIT_S, WebClient

from indira.client import AdminClient

ROLES = {
    "writer": ('["submit"]', ""),
    "webwriter": ('["submit"]', 'hosts = ["web*"]'),
    "reader": ('["read"]', ""),
    "webreader": ('["read"]', 'hosts = ["web*"]'),
    "canceller": ('["cancel"]', ""),
    "admin": ('["admin"]', ""),
}
HOSTS: Mapping[str, Table] = {
    name: {"address": "127.0.0.1", "port": 1} for name in ("web1", "db1")
}


@attrs.frozen
class Asking:
    """The daemon, and the tokens of those it knows."""

    guarded: Guarded
    tokens: Mapping[str, str]

    def bearer(self, name: str) -> dict[str, str]:
        """Return the header that says who one is."""
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def addresses(self) -> list[str]:
        """Return where HTTP is served."""
        socket = self.guarded.daemon.admin_socket
        with AdminClient(socket, timeout_s=LIMIT_S) as admin:
            found: list[str] = admin.send("status")["http"]
        return found

    def in_clear(self) -> WebClient:
        """Return a connection in clear."""
        port = self._port("127.0.0.1:")
        return WebClient(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S))

    def by_tls(self, certificate: trustme.LeafCert | None = None) -> WebClient:
        """Return a connection by TLS, which shows `certificate`."""
        return WebClient(
            http.client.HTTPSConnection(
                "127.0.0.1",
                self._port("tls:"),
                timeout=LIMIT_S,
                context=self.context(certificate),
            )
        )

    def context(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """Return a client's context."""
        return self.guarded.context(certificate)

    def tls_port(self) -> int:
        """Return where TLS is spoken."""
        return self._port("tls:")

    def _port(self, start: str) -> int:
        [found] = [one for one in self.addresses() if one.startswith(start)]
        return int(found.rpartition(":")[2])


@contextmanager
def asking_daemon(directory: Path, more: str = "", **settings: Any) -> Iterator[Asking]:
    """Run it until the block ends; `more` is text of its configuration."""
    tables, tokens = "", {}
    for name, (roles, bounds) in ROLES.items():
        table, tokens[name] = with_token(name, roles, bounds)
        tables += table
    given = {"require_identity": True, **settings}
    http_listen = '[http]\nlisten = ["127.0.0.1:0", "tls:127.0.0.1:0"]\n'
    with guarded_daemon(
        directory,
        f"{tables}\n{http_listen}{more}",
        asks_for_certificates=True,
        settings=given,
        hosts=HOSTS,
        more_words=["--debug"],
    ) as guarded:
        yield Asking(guarded, tokens)
