"""What is no good request, on the HTTP port of a real daemon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from daemon_process import DaemonProcess, running_daemon
from small_disk import MIB
from web_client import ON, web_address, web_client
from web_place import get, post

BODY = 2 * MIB
CALL = {"host": "nowhere", "procedure": "ping", "arguments": []}


@pytest.fixture(name="framed", scope="module")
def fixture_framed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one for all of them."""
    with running_daemon(tmp_path_factory.mktemp("framed"), settings=ON) as daemon:
        yield daemon


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post("/v1/calls", f"Content-Length: {BODY}") + b"x" * BODY, 413),
        (
            post("/v1/calls", "Transfer-Encoding: chunked")
            + b"%x\r\n%b\r\n0\r\n\r\n" % (BODY, b"x" * BODY),
            413,
        ),
        (post("/v1/calls", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (post("/v1/calls", "Content-Length: 1", "Content-Length: 2"), 400),
        (post("/v1/calls", "Transfer-Encoding: chunked") + b"zz\r\n", 400),
        (post("/v1/calls").replace(b"Host: localhost\r\n", b""), 400),
        (get("/v1/jobs", "X: " + "x" * 17_000), 431),
        (get("/v1/jobs?host=" + "x" * 8_200), 414),
    ],
    ids=range(8),
)
def test_what_is_no_request_is_refused_and_the_next_is_served(
    framed: DaemonProcess, data: bytes, status: int
) -> None:
    """On the port of a real daemon, where calls are made beside it."""
    with socket.create_connection(web_address(framed), 20) as peer:
        with suppress(OSError):  # it may have closed before it had all of it
            peer.sendall(data)
        head = peer.recv(4096)
    with web_client(framed) as web:
        good = web.submit(CALL)

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert good.status == 201
    assert framed.is_alive
    assert "crashed" not in framed.log.read_text()
