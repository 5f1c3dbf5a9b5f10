"""The ways in to HTTP: TLS, Unix sockets, proxies, and who comes by each."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import Table, running_daemon
from guarded_daemon import with_token
from web_client import web_client, web_client_at
from web_tokens import Asking, asking_daemon

WRONG = "hct_" + "canary" * 8
CALL = {"host": "web1", "procedure": "ping", "arguments": []}


@pytest.fixture(name="asking", scope="module")
def fixture_asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Run one for all of them."""
    with asking_daemon(tmp_path_factory.mktemp("asking")) as asking:
        yield asking


def test_a_certificate_shows_who_asks(tmp_path: Path) -> None:
    """For clients that have one a token is not needed."""
    more = '[identities.shown]\ncertificate = "shown.example"\nroles = ["read"]\n'
    with asking_daemon(tmp_path, more) as asking:
        certificate = asking.guarded.ca.issue_cert("shown.example")
        with asking.by_tls(certificate) as web:
            by_certificate = web.get("/v1/jobs")
            as_admin = web.submit(CALL, **asking.bearer("admin"))
            again = web.submit(CALL)
        with asking.by_tls() as web:
            as_nobody = web.get("/v1/jobs")
            by_token = web.get("/v1/jobs", **asking.bearer("reader"))

    assert (by_certificate.status, as_admin.status, again.status) == (200, 201, 403)
    assert (as_nobody.status, by_token.status) == (401, 200)


def test_who_speaks_no_tls_where_it_is_spoken_is_told_so(asking: Asking) -> None:
    """In the language that it speaks; and a bad handshake hurts nobody."""
    for data in (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", asking.tls_port()), 20) as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            told = peer.makefile("rb").read()
        if data.startswith(b"GET"):
            assert told.startswith(b"HTTP/1.1 400 ")
            assert told.endswith(b"this port speaks TLS only\n")
    stranger = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", asking.tls_port()), 20) as peer,
        pytest.raises(ssl.SSLError),
    ):
        stranger.wrap_socket(peer, server_hostname="127.0.0.1")
    with asking.by_tls() as web:
        assert web.get("/healthz").status == 200


def test_a_large_answer_by_tls_is_whole(asking: Asking) -> None:
    """And many on one connection come in their order."""
    with asking.by_tls() as web:
        sizes = [
            len(web.get("/metrics", **asking.bearer("admin")).body) for _ in range(20)
        ]
        document = json.loads(web.get("/openapi.json").body)

    assert min(sizes) > 5000
    assert document["openapi"] == "3.1.0"


def test_a_user_is_known_by_his_process(tmp_path: Path) -> None:
    """The kernel tells who connects to a Unix socket."""
    path = tmp_path / "web"
    more = f"[identities.me]\nuid = {os.getuid()}\nroles = ['read']\n"
    settings: Table = {"http.listen": f"unix:{path}"}
    with running_daemon(tmp_path / "daemon", settings=settings) as daemon:
        text = daemon.config.read_text()
        daemon.config.write_text(f"require_identity = true\n{text}\n{more}")
        daemon.restart()
        with web_client_at(path) as web:
            read, called = web.get("/v1/jobs"), web.submit(CALL)

    assert (read.status, called.error) == (200, "forbidden")


def test_who_comes_by_a_proxy_is_not_at_home(tmp_path: Path) -> None:
    """The proxy is; a client of this machine may do everything, its clients may not."""
    table, token = with_token("reader", '["read"]')
    more = f'[http]\nlisten = "127.0.0.1:0"\ntrusted_proxies = ["127.0.0.1"]\n{table}'
    with running_daemon(tmp_path) as daemon:
        plain = daemon.config.read_text()
        daemon.config.write_text(f"{plain}\n{more}")
        daemon.restart()
        with web_client(daemon) as web:
            bare = web.get("/v1/jobs")
            forwarded = web.get("/v1/jobs", X_Forwarded_For="203.0.113.5")
            spoofed = web.get("/v1/jobs", X_Forwarded_For="127.0.0.1")
            shown = web.get(
                "/v1/jobs",
                X_Forwarded_For="203.0.113.5",
                Authorization=f"Bearer {token}",
            )
        text = more.replace('trusted_proxies = ["127.0.0.1"]\n', "")
        daemon.config.write_text(f"{plain}\n{text}")
        daemon.restart()
        with web_client(daemon) as web:
            at_home = web.get("/v1/jobs", X_Forwarded_For="203.0.113.5")

    assert [bare.status, forwarded.status, spoofed.status] == [401, 401, 401]
    assert shown.status == 200
    assert at_home.status == 200


def test_where_nobody_is_known_nobody_is_asked(tmp_path: Path) -> None:
    """A header that means nothing here is no reason to refuse."""
    with (
        running_daemon(tmp_path, settings={"http.listen": "127.0.0.1:0"}) as daemon,
        web_client(daemon) as web,
    ):
        told = web.get("/v1/jobs", Authorization=f"Bearer {WRONG}")

    assert told.status == 200
