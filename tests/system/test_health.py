"""Alive and ready are two things: what a daemon in trouble says of itself over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from daemon_process import DaemonProcess, Table, running_daemon
from logging_worker import running_worker
from small_disk import MIB, small_disk
from web_client import ON, Told, web_address, web_client, web_client_at
from web_place import get

from harpcaller.store.sqlite.schema import DATABASE
from indira.client import AdminClient

AT_ONCE_S = 2.0
HEAVY = ("starlette", "hypercorn", "prometheus_client", "anyio")
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


@pytest.fixture(name="daemon")
def fixture_daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """Run a daemon that serves HTTP."""
    with running_daemon(tmp_path, settings=ON) as daemon:
        yield daemon


def assert_not_ready(told: Told, *reasons: str) -> None:
    """Fail unless all of `reasons` are told, and in time."""
    assert told.status == 503
    assert set(reasons) <= set(told.reasons)
    assert told.took_s < AT_ONCE_S


def test_a_daemon_in_order_is_alive_and_ready(daemon: DaemonProcess) -> None:
    """What a load balancer and a supervisor look at."""
    with web_client(daemon) as client:
        health, ready = client.get("/healthz"), client.get("/readyz")

    assert (health.status, health.body) == (200, b"ok\n")
    assert (ready.status, ready.reasons) == (200, [])


def test_a_drained_daemon_is_alive_and_not_ready(daemon: DaemonProcess) -> None:
    """A load balancer sends calls elsewhere, and nobody kills what is being drained."""
    with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
        admin.send("drain")
        with web_client(daemon) as client:
            assert_not_ready(client.get("/readyz"), "draining")
            assert client.get("/healthz").status == 200
            admin.send("resume")
            assert client.get("/readyz").status == 200


def test_a_unix_socket_serves_too(tmp_path: Path) -> None:
    """For those who want no port at all; any name in `Host` will do."""
    path = tmp_path / "web"
    settings = {"http.listen": f"unix:{path}"}

    with (
        running_daemon(tmp_path / "daemon", settings=settings) as daemon,
        web_client_at(path) as client,
    ):
        told = client.get("/healthz")
        daemon.terminate()
        daemon.wait()

    assert told.status == 200
    assert not path.exists()


def test_a_full_disk_is_told_at_once_and_so_is_its_end(tmp_path: Path) -> None:
    """The daemon lives on: to start it again would not help."""
    with (
        small_disk(tmp_path / "disk", 24 * MIB) as disk,
        running_daemon(
            tmp_path / "daemon",
            settings={
                "http.listen": "127.0.0.1:0",
                "http.min_free_bytes": MIB,
                "state_dir": str(disk.root / "state"),
                "reserve_bytes": 4 * MIB,
            },
        ) as daemon,
        web_client(daemon) as client,
    ):
        before = client.get("/readyz")
        disk.fill()
        full, health = client.get("/readyz"), client.get("/healthz")
        reserve = (disk.root / "state" / "reserve").stat().st_blocks * 512
        disk.give_back()
        time.sleep(1.5)  # until the store looks for space again
        after = client.get("/readyz")

    assert (before.status, after.status, health.status) == (200, 200, 200)
    assert_not_ready(full, "disk_low")
    assert reserve == 4 * MIB  # to ask costs nothing of what ends are kept for


def test_a_disk_below_the_floor_is_told_before_it_is_full(tmp_path: Path) -> None:
    """There is time to do something about it."""
    settings: Table = {**ON, "http.min_free_bytes": 2**52}

    with (
        running_daemon(tmp_path, settings=settings) as daemon,
        web_client(daemon) as client,
    ):
        told = client.get("/readyz")
        submitted = daemon.ask({"host": "x", "procedure": "y", "arguments": []})

    assert told.reasons == ["disk_low"]
    assert "job_id" in submitted


def test_a_store_that_does_not_answer_is_told_in_time(daemon: DaemonProcess) -> None:
    """However many ask: a probe that hangs is one, not one for each of them."""
    with closing(apsw.Connection(str(daemon.state_dir / DATABASE))) as stranger:
        stranger.execute("BEGIN IMMEDIATE")

        def ask(path: str) -> Told:
            with web_client(daemon) as client:
                return client.get(path)

        with ThreadPoolExecutor(20) as askers:
            told = list(askers.map(ask, ["/readyz"] * 18))
            others = list(askers.map(ask, ["/healthz", "/metrics"]))
        stranger.execute("ROLLBACK")
    with web_client(daemon) as client:
        after = client.get("/readyz")

    for one in told:
        assert_not_ready(one, "store_not_writable")
    assert [one.status for one in others] == [200, 200]
    assert after.status == 200


def test_a_daemon_that_stops_says_so_to_those_who_are_connected(tmp_path: Path) -> None:
    """Its jobs have their grace; new clients are sent elsewhere."""
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={**ON, "ca_file": str(worker.ca_file), "stop_grace_s": 1.5},
        ) as daemon,
        web_client(daemon) as client,
    ):
        address = web_address(daemon)
        hang = {"host": "unix", "procedure": "hang", "arguments": {"tag": "t"}}
        daemon.ask(hang)
        ready = client.get("/readyz")
        daemon.terminate()
        time.sleep(0.5)
        stopping, health = client.get("/readyz"), client.get("/healthz")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 5).close()
        code = daemon.wait()

    assert ready.status == 200
    assert_not_ready(stopping, "stopping")
    assert (health.status, code) == (200, 0)


def test_open_connections_do_not_hold_a_stop_up(daemon: DaemonProcess) -> None:
    """Idle ones, half-open ones, and those that never take their answer."""
    peers = [socket.create_connection(web_address(daemon), 10) for _ in range(30)]
    for peer in peers[:10]:
        peer.sendall(get("/healthz"))
    for peer in peers[10:20]:
        peer.sendall(b"GET /hea")
    for peer in peers[20:]:
        peer.sendall(get("/metrics") * 50)
    time.sleep(0.3)

    begun = time.monotonic()
    daemon.terminate()
    code = daemon.wait()
    took_s = time.monotonic() - begun

    for peer in peers:
        peer.close()
    assert code == 0
    assert took_s < 5
    assert "crashed" not in daemon.log.read_text()


def test_a_request_in_http2_does_not_end_the_process(daemon: DaemonProcess) -> None:
    """It ended a bare server's, and with it all calls."""
    headers = b"\x82\x86\x41\x01x\x04\x02\xff\xfe"  # RFC 7541; the path is no ASCII
    frame = bytes([0, 0, len(headers), 1, 5, 0, 0, 0, 1]) + headers
    with socket.create_connection(web_address(daemon), 10) as peer:
        peer.sendall(HTTP2 + frame)
        answer = peer.makefile("rb").read()
    with web_client(daemon) as client:
        told = client.get("/healthz")

    assert answer.startswith(b"HTTP/1.1 505")
    assert (told.status, daemon.is_alive) == (200, True)
    assert "Traceback" not in daemon.log.read_text()


def test_nothing_of_it_is_loaded_where_it_is_off() -> None:
    """Who does not want it pays no megabytes for it."""
    script = (
        "import sys, harpcaller.start\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"
