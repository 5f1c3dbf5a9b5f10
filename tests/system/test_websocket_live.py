"""Clients by WebSocket of a real dispatcher: pages, rude ones, and those with TLS."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import DaemonProcess, Table, running_daemon
from eventually import wait_until
from guarded_daemon import Guarded, guarded_daemon, with_token
from own_address import own_address
from websocket_client import (
    LIMIT_S,
    TEXT,
    Rejected,
    WebSocketClient,
    by_messages,
    frame,
    websocket_addresses,
    websocket_port,
)

from indira.client import AdminClient

PAGE = "https://calls.example.net"
SETTINGS: Table = {
    "websocket.listen": "127.0.0.1:0",
    "websocket.origins": [PAGE, "http://localhost:8000/"],
    "stop_grace_s": 0,
}
FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": f"{PAGE}.evil.example"},
    {"Origin": f"{PAGE}:8443"},
    {"Origin": "http://calls.example.net"},
    # Its owner's name points at us; the browser tells both.
    {"Origin": "http://evil.example:3504", "Host": "evil.example:3504"},
    {"Origin": "http://localhost", "Host": "localhost"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
)


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one for all of them."""
    folder = tmp_path_factory.mktemp("websocket")
    with running_daemon(folder, settings=SETTINGS) as daemon:
        yield daemon


def assert_serves(daemon: DaemonProcess) -> None:
    """Ask twice on one connection, and be answered."""
    with by_messages(websocket_port(daemon)) as client:
        assert client.ask(cancel="nothing") == {"cancelled": False}
        assert client.ask(hello=True)["harpcaller"] == 1


def count_connections(daemon: DaemonProcess) -> int:
    """Return how many clients are told."""
    with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
        return len(admin.send("connections")["connections"])


def test_a_call_by_message_is_a_job_like_any_other(daemon: DaemonProcess) -> None:
    """It is asked about by line as well."""
    with by_messages(websocket_port(daemon)) as client:
        job_id = client.ask(host="nobody", procedure="ping", arguments=[])["job_id"]
        by_message = client.ask(get_result=job_id)

    assert by_message == daemon.ask({"get_result": job_id})
    assert by_message["error"]["type"] == "unknown_host"


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_pages_of_others_may_not_connect(
    headers: dict[str, str], daemon: DaemonProcess
) -> None:
    """Or any page could call procedures by the reader's own machine."""
    with pytest.raises(Rejected) as caught:
        by_messages(websocket_port(daemon), **headers)

    assert caught.value.status == 403
    assert json.loads(caught.value.body)["error"]["type"] == "forbidden"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": PAGE, "Host": "calls.example.net"},
        {"Origin": "http://localhost:8000", "Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
def test_pages_that_are_named_may(
    headers: dict[str, str], daemon: DaemonProcess
) -> None:
    """They are what this is for."""
    with by_messages(websocket_port(daemon), **headers) as client:
        assert client.ask(cancel="nothing") == {"cancelled": False}


def test_what_follows_a_refused_handshake_is_not_read(daemon: DaemonProcess) -> None:
    """A page that may not connect may not ask either."""
    call = {"harpcaller": 1, "host": "evil", "procedure": "p", "arguments": []}
    with socket.create_connection(("127.0.0.1", websocket_port(daemon))) as sock:
        sock.settimeout(LIMIT_S)
        sock.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
            + frame(TEXT, json.dumps(call).encode())
        )
        told = sock.makefile("rb").read()

    assert told.startswith(b"HTTP/1.1 403 ")
    with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
        assert admin.send("list_jobs", host="evil")["jobs"] == []


def test_rude_clients_hurt_nobody(daemon: DaemonProcess) -> None:
    """They are all there at once, and others are served meanwhile."""
    port = websocket_port(daemon)
    rude: list[socket.socket] = []
    open_ones: list[WebSocketClient] = []
    for said in (b"", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nX: ", b"\x16\x03\x01"):
        for _ in range(20):
            rude.append(socket.create_connection(("127.0.0.1", port), LIMIT_S))
            rude[-1].sendall(said)
    for sent in (frame(TEXT, b"{", is_last=False), frame(9) * 1000, b"\x81\xfe\xff"):
        for _ in range(20):
            open_ones.append(by_messages(port))
            open_ones[-1].sock.sendall(sent)
    silent = by_messages(port)
    open_ones.append(silent)
    silent.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    silent.send(*['{"harpcaller":1,"help":true}'] * 100)

    assert_serves(daemon)
    for client in open_ones:
        client.leave()
    for sock in rude:
        sock.close()
    wait_until(lambda: count_connections(daemon) == 0)
    assert_serves(daemon)
    assert "crashed" not in daemon.log.read_text()


def test_many_requests_in_one_piece_are_answered_in_their_order(
    daemon: DaemonProcess,
) -> None:
    """As by lines; a page need not wait for each answer."""
    requests = [
        '{"harpcaller":1,"cancel":"nothing"}' if number % 2 else "no JSON"
        for number in range(200)
    ]
    with by_messages(websocket_port(daemon)) as client:
        client.send(*requests)
        answers = [client.receive() for _ in requests]

    for number, answer in enumerate(answers):
        assert ("cancelled" if number % 2 else "parse_error") in answer


def test_help_is_one_message_for_each_line(daemon: DaemonProcess) -> None:
    """It is the one answer that is longer than a line."""
    with by_messages(websocket_port(daemon)) as client:
        client.send("help", '{"harpcaller":1,"cancel":"nothing"}')
        lines = list(iter(client.receive, '{"cancelled":false}'))

    assert any(line.startswith("#") for line in lines)
    assert any('"get_result"' in line for line in lines)


def test_who_is_connected_is_told(daemon: DaemonProcess) -> None:
    """By the way that he came in."""
    with by_messages(websocket_port(daemon)) as client:
        client.ask(cancel="nothing")
        with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
            [told] = admin.send("connections")["connections"]

    assert told["listener"] == f"ws:127.0.0.1:{websocket_port(daemon)}"
    assert told["state"] == "idle"


def test_a_stop_says_farewell_to_all(tmp_path: Path) -> None:
    """One that waits and one that does not; the job goes on when we are back."""
    unix = tmp_path / "messages"
    listen = ["127.0.0.1:0", f"unix:{unix}"]
    settings = {**SETTINGS, "websocket.listen": listen}
    call = {"host": "nobody", "procedure": "ping", "arguments": []}
    queue = {"name": {"q": 1}}
    with (
        running_daemon(tmp_path / "daemon", settings=settings) as daemon,
        by_unix(unix) as idle,
        by_messages(websocket_port(daemon)) as waiting,
    ):
        idle.ask(cancel="nothing")
        with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
            admin.send("pause_queue", queue=queue["name"])
        job_id = waiting.ask(**call, queue=queue)["job_id"]
        waiting.send(json.dumps({"harpcaller": 1, "follow_stream": job_id}))
        wait_until(lambda: count_waiting(daemon) == 1)
        daemon.terminate()
        told = json.loads(waiting.receive())
        codes = waiting.receive_close(), idle.receive_close()
        code = daemon.wait()

    assert told["error"]["type"] == "shutting_down"
    assert codes == (1001, 1001)
    assert code == 0
    assert not unix.exists()


def by_unix(path: Path) -> WebSocketClient:
    """Return a client by a Unix socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(LIMIT_S)
    sock.connect(str(path))
    return WebSocketClient(sock)


def count_waiting(daemon: DaemonProcess) -> int:
    """Return how many clients follow a job."""
    with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
        told = admin.send("connections")["connections"]
    return sum(one["state"] == "following" for one in told)


def test_room_is_bounded_as_by_lines_and_pages_may_move(tmp_path: Path) -> None:
    """One bound for all, one for each machine: pages are many, and may be wrong.

    Who meets one learns why.
    """
    more = {"max_connections": 3, "max_connections_per_peer": 1}
    settings = {**SETTINGS, **more, "insecure_no_auth": True}
    settings["websocket.listen"] = "0.0.0.0:0"
    with running_daemon(tmp_path, settings=settings) as daemon:
        port = websocket_port(daemon)
        address = own_address(), port
        with WebSocketClient(socket.create_connection(address, LIMIT_S)):
            with pytest.raises(Rejected) as of_one:
                WebSocketClient(socket.create_connection(address, LIMIT_S))
            with daemon.connect() as by_line, by_messages(port) as other:
                by_line.sendall(b'{"harpcaller":1,"hello":true}\n')
                by_line.recv(1)
                other.ask(cancel="nothing")
                with pytest.raises(Rejected) as of_all:
                    by_messages(port)
        wait_until(lambda: count_connections(daemon) == 0)
        assert_serves(daemon)
        assert_reload_renews_origins(daemon)

    for caught in (of_one, of_all):
        assert caught.value.status == 503
        assert json.loads(caught.value.body)["error"]["type"] == "overloaded"


def assert_reload_renews_origins(daemon: DaemonProcess) -> None:
    """A page moves more often than a dispatcher is restarted."""
    port = websocket_port(daemon)
    text = daemon.config.read_text()
    daemon.config.write_text(text.replace(PAGE, "https://moved.example"))
    with AdminClient(daemon.admin_socket, timeout_s=LIMIT_S) as admin:
        assert admin.send("reload_config") == {"result": "ok", "needs_restart": []}
    with by_messages(port, Origin="https://moved.example") as client:
        assert client.ask(cancel="nothing") == {"cancelled": False}
    with pytest.raises(Rejected):
        by_messages(port, Origin=PAGE)


@pytest.fixture(name="guarded", scope="module")
def fixture_guarded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Guarded, str]]:
    """Run a daemon that asks its clients who they are, with and without TLS."""
    table, token = with_token("page", '["submit", "read"]')
    listen = '[websocket]\nlisten = ["tls:127.0.0.1:0", "127.0.0.1:0"]\n'
    with guarded_daemon(
        tmp_path_factory.mktemp("guarded"),
        f"{table}\n{listen}",
        settings={"require_identity": True},
    ) as guarded:
        yield guarded, token


def tls_port(guarded: Guarded) -> int:
    """Return where messages go by TLS."""
    [found] = [
        one for one in websocket_addresses(guarded.daemon) if one.startswith("tls:")
    ]
    return int(found.rpartition(":")[2])


def by_tls(guarded: Guarded) -> WebSocketClient:
    """Return a client by TLS."""
    plain = socket.create_connection(("127.0.0.1", tls_port(guarded)), LIMIT_S)
    wrapped = guarded.context().wrap_socket(plain, server_hostname="127.0.0.1")
    return WebSocketClient(wrapped)


def test_a_token_shows_who_asks_by_tls(guarded: tuple[Guarded, str]) -> None:
    """As by lines: it is said in hello, and holds for the connection."""
    daemon, token = guarded
    call = {"host": "nobody", "procedure": "ping", "arguments": ["x" * 300_000]}
    with by_tls(daemon) as client:
        refused = client.ask(**call)
        greeted = client.ask(hello={"token": token})
        job_id = client.ask(**call)["job_id"]
        status = client.ask(get_status=job_id)
    with by_messages(websocket_port(daemon.daemon)) as client:
        in_clear = client.ask(get_status=job_id)

    assert refused["error"]["type"] == "unauthorized"
    assert greeted["identity"] == "page"
    assert status["call"]["arguments"] == call["arguments"]
    assert in_clear["error"]["type"] == "unauthorized"
    assert token not in daemon.daemon.log.read_text()


def test_who_speaks_no_tls_where_it_is_spoken_is_told_so_as_browsers_understand(
    guarded: tuple[Guarded, str],
) -> None:
    """`ws:` in place of `wss:` is an easy mistake."""
    plain = socket.create_connection(("127.0.0.1", tls_port(guarded[0])), LIMIT_S)

    with pytest.raises(Rejected) as caught:
        WebSocketClient(plain)

    assert caught.value.status == 400
    assert b"TLS only" in caught.value.body
