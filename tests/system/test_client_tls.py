"""Clients that speak TLS: good ones, and all the others, against a real dispatcher."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from guarded_daemon import Guarded, error_of, expired, guarded_daemon, heard
from harp_command import run_harp


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Run a dispatcher that has to be shown a certificate."""
    directory = tmp_path_factory.mktemp("certified")
    with guarded_daemon(directory, asks_for_certificates=True) as guarded:
        yield guarded


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Run a dispatcher that speaks TLS and asks nobody."""
    with guarded_daemon(tmp_path_factory.mktemp("open")) as guarded:
        yield guarded


def works(guarded: Guarded) -> bool:
    """Tell whether somebody with a good certificate is served."""
    with guarded.by_tls(guarded.ca.issue_cert("good.example.net")) as client:
        return "job_id" in client.submit()


def test_a_client_speaks_tls_as_others_speak_in_clear(open_to_all: Guarded) -> None:
    """The same requests, many of them on a connection."""
    with open_to_all.by_tls() as client:
        job_id = client.submit()["job_id"]
        outcome = client.ask(get_result=job_id)

    assert error_of(outcome) == "unknown_host"


def test_all_that_was_sent_before_the_end_is_answered(open_to_all: Guarded) -> None:
    """Who says no more than his requests hears all answers, and a proper farewell."""
    plain = open_to_all.connect_plain()
    context = open_to_all.context()
    with context.wrap_socket(
        plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False
    ) as client:
        client.sendall(b'{"harpcaller":1,"cancel":"nothing"}\n' * 3000)
        replies = b""
        while data := client.recv(65536):
            replies += data

    assert replies == b'{"cancelled":false}\n' * 3000


def test_a_certificate_of_the_authority_is_a_name(certified: Guarded) -> None:
    """The first of DNS, email and URI is who the client is."""
    certificate = certified.ca.issue_cert("me@example.net", "First.Example.net")

    with certified.by_tls(certificate) as client:
        assert client.ask(hello=True)["identity"] == "first.example.net"
        assert "job_id" in client.submit()


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("nobody", "no_certificate"),
        ("expired", "certificate"),
        ("other", "certificate"),
    ],
)
def test_who_shows_no_good_certificate_is_turned_away(
    certified: Guarded, who: str, code: str
) -> None:
    """The log has a word for each way; who is good is served on."""
    shown = {
        "nobody": None,
        "expired": expired(certified.ca),
        "other": trustme.CA().issue_cert("good.example.net"),
    }[who]

    with pytest.raises(ssl.SSLError), certified.by_tls(shown) as client:
        client.ask(hello=True)

    assert certified.wait_for("handshake.failed", code=code)["peer"] == "127.0.0.1"
    assert works(certified)


def test_json_in_clear_on_the_tls_port_is_told_so(certified: Guarded) -> None:
    """Whoever forgot `tls:` has to learn it from the answer."""
    with certified.connect_plain() as client:
        client.sendall(b'{"harpcaller":1,"hello":true}\n')
        client.shutdown(socket.SHUT_WR)
        answer = heard(client)

    assert b'"invalid_protocol"' in answer
    assert b"TLS" in answer
    assert certified.wait_for("handshake.failed", code="not_tls")


@pytest.mark.parametrize("garbage", [b"\x16" * 5000, b"\x16\x03\x01\x00\x02\x01"])
def test_garbage_in_a_handshake_hurts_nobody(
    certified: Guarded, garbage: bytes
) -> None:
    """What begins like TLS may go on like anything."""
    with certified.connect_plain() as client:
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        heard(client)

    assert certified.wait_for("handshake.failed")
    assert works(certified)


def test_log_lines_about_a_peer_are_bounded(open_to_all: Guarded) -> None:
    """A peer that fails a hundred times does not fill the log."""
    for _ in range(100):
        with open_to_all.connect_plain() as client:
            client.sendall(b"\x16garbage, and more than a record's header of it")
            client.shutdown(socket.SHUT_WR)
            heard(client)

    assert 1 <= len(open_to_all.log_lines("handshake.failed")) <= 3


def test_slow_handshakes_hold_up_nobody_and_end(certified: Guarded) -> None:
    """A byte a second keeps no connection for ever, and no loop."""
    slow = [certified.connect_plain() for _ in range(20)]
    for client in slow:
        client.sendall(b"\x16")
    began = time.monotonic()

    assert works(certified)
    assert time.monotonic() - began < 5
    for client in slow:
        with client:
            client.settimeout(60)
            assert heard(client) == b""
    assert 9 < time.monotonic() - began < 20
    assert certified.wait_for("handshake.failed", code="timeout")


def test_tls_on_a_port_in_clear_is_told_so(open_to_all: Guarded) -> None:
    """Whoever wrote `tls:` too much has to learn it, too."""
    with socket.create_connection(("127.0.0.1", open_to_all.daemon.port)) as client:
        client.sendall(b"\x16\x03\x01\x00\x05hello")
        assert b'"invalid_protocol"' in heard(client)


def test_harp_speaks_tls_with_a_certificate(certified: Guarded, tmp_path: Path) -> None:
    """The command has all that it takes; a dispatcher that lies is not believed."""
    mine, ca = tmp_path / "mine.pem", tmp_path / "ca.pem"
    mine.write_bytes(
        certified.ca.issue_cert("me").private_key_and_cert_chain_pem.bytes()
    )
    certified.ca.cert_pem.write_to_path(ca)
    server = ["--server", f"tls:127.0.0.1:{certified.tls_port}"]
    call = ["call", "web1", "ping", *server, "--cert-file", str(mine)]

    served = run_harp(*call, "--ca-file", str(ca))
    doubted = run_harp(*call)
    absent = run_harp(*call, "--ca-file", "/nowhere")

    assert (served.returncode, "unknown_host" in served.stderr) == (3, True)
    assert (doubted.returncode, "not accepted" in doubted.stderr) == (7, True)
    assert (absent.returncode, "/nowhere" in absent.stderr) == (2, True)
