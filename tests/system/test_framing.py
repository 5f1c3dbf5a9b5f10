"""What is no matter of JSON: line ends, lengths, other protocols, hanging up."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from daemon_process import DaemonProcess
from practice_daemon import LOOPBACK, practice_daemon

CANCEL = b'{"harpcaller":1,"cancel":"nothing"}'
CANCELLED = b'{"cancelled":false}\n'
CALL = b'{"harpcaller":1,"host":"worker","procedure":"ping","arguments":[]%b}'
MAX_LINE_BYTES = 2**20


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Start one dispatcher for all of them."""
    with practice_daemon(tmp_path_factory.mktemp("framing")) as daemon:
        yield daemon


def connect(daemon: DaemonProcess) -> socket.socket:
    """Return a new connection."""
    return socket.create_connection((LOOPBACK, daemon.port), timeout=60)


def talk(daemon: DaemonProcess, *pieces: bytes, ends: bool = True) -> bytes:
    """Return all that is answered until the dispatcher hangs up."""
    with connect(daemon) as client, client.makefile("rb") as replies:
        for piece in pieces:
            client.sendall(piece)
        if ends:
            client.shutdown(socket.SHUT_WR)
        return replies.read()


def error_of(reply: bytes) -> dict[str, Any]:
    """Return the complaint of an error line."""
    error: dict[str, Any] = json.loads(reply)["error"]
    return error


def was_never_run(daemon: DaemonProcess, key: str) -> bool:
    """Tell whether no call has used the key: it still takes any content."""
    call = {"host": "worker", "procedure": "ping", "arguments": ["new"], "key": key}
    reply = daemon.ask(call)
    return set(reply) == {"harpcaller", "job_id"}


@pytest.mark.parametrize(
    "sent",
    [
        CANCEL + b"\n",
        CANCEL + b"\r\n",
        CANCEL,
        CANCEL + b"\r",
        b"\n\r\n \n" + CANCEL + b"\n\n",
        b"  " + CANCEL + b"\t\n",
        CANCEL.replace(b":", b" : ").replace(b",", b"\t,\r") + b"\n",
    ],
)
def test_a_line_may_end_as_it_likes(daemon: DaemonProcess, sent: bytes) -> None:
    """People, telnet and `printf` all end lines differently."""
    assert talk(daemon, sent) == CANCELLED


def test_a_request_may_come_byte_by_byte(daemon: DaemonProcess) -> None:
    """TCP promises no more than an order."""
    line = b"help\r\n" + CANCEL + b"\n"

    replies = talk(daemon, *(line[at : at + 1] for at in range(len(line))))

    assert replies.startswith(b"# ")
    assert replies.endswith(b"\n" + CANCELLED)


def test_both_kinds_of_listener_answer(daemon: DaemonProcess) -> None:
    """Local clients need no port."""
    with daemon.connect() as client, client.makefile("rb") as replies:
        client.sendall(CANCEL)
        client.shutdown(socket.SHUT_WR)
        assert replies.read() == CANCELLED


@pytest.mark.parametrize("word", [b"help", b"?", b'{"harpcaller":1,"help":true}'])
def test_every_line_of_help_is_a_request_that_is_answered(
    daemon: DaemonProcess, word: bytes
) -> None:
    """Whoever pastes what we print must not be told that it is wrong."""
    told = talk(daemon, word).decode().splitlines()
    requests = [line for line in told if not line.startswith("# ")]
    replies = [json.loads(talk(daemon, line.encode())) for line in requests]

    assert len(requests) == len(told) / 2 >= 8
    for reply in replies:
        assert reply.get("error", {}).get("type") in {None, "invalid_jobid"}
    assert "hello" in requests[-1]


def test_a_thousand_requests_in_one_piece_are_answered_in_order(
    daemon: DaemonProcess,
) -> None:
    """Who answers first is nothing that a client could know otherwise."""
    job = daemon.ask({"host": "worker", "procedure": "ping", "arguments": []})["job_id"]
    wait = b'{"harpcaller":1,"get_result":"%b"}\n' % job.encode()
    requests = [(wait, CANCEL + b"\n", b"?!\n")[at * at % 7 % 3] for at in range(1000)]

    replies = talk(daemon, b"".join(requests)).splitlines()

    told = [next(iter(json.loads(reply))) for reply in replies]
    verbs = {wait: "result", CANCEL + b"\n": "cancelled", b"?!\n": "error"}
    assert told == [verbs[request] for request in requests]


@pytest.mark.parametrize(
    "line",
    [
        b'"\xff"',
        b'{"harpcaller":1,"cancel":"\xc3\x28"}',
        b'{"harpcaller":1,"cancel":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf" + CANCEL,
        b"\x00" * 50,
        CANCEL + b"\x00",
        b"\x16\x04 is no TLS",
        bytes(sorted(set(range(256)) - {10, 13})),
    ],
)
def test_bytes_that_are_no_text_are_a_parse_error(
    daemon: DaemonProcess, line: bytes
) -> None:
    """The line is lost, the connection is not."""
    error, after = talk(daemon, line + b"\n" + CANCEL).splitlines(keepends=True)

    assert error_of(error)["type"] == "parse_error"
    assert after == CANCELLED


def test_an_integer_of_4301_digits_is_one_too_long(daemon: DaemonProcess) -> None:
    """Python's own bound is the documented one."""
    fits, too_long = (
        talk(daemon, CALL % b',"info":%b' % (b"7" * digits)) for digits in (4300, 4301)
    )

    assert b"job_id" in fits
    assert error_of(too_long)["type"] == "parse_error"
    assert "4300" in error_of(too_long)["message"]


def test_every_character_goes_there_and_back(daemon: DaemonProcess) -> None:
    """P5: whatever the string, the value is the same."""
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x10000), 0x10FFFF]))
    call = {"host": "worker", "procedure": "echo", "arguments": [text], "info": text}

    job = daemon.ask(call)["job_id"]

    assert daemon.ask({"get_result": job}) == {"result": [text]}
    assert daemon.ask({"get_status": job})["info"] == text


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("ends", [True, False])
def test_a_line_of_2_mib_is_too_large_and_costs_no_answer(
    daemon: DaemonProcess, end: bytes, ends: bool
) -> None:
    """What was asked before it is answered, what comes after it is not run."""
    key = f"behind {end!r} {ends}"
    behind = CALL % b',"key":"%b"' % key.encode()

    replies = talk(
        daemon,
        CANCEL + b"\n" + CANCEL + b"\n",
        b"x" * 2 * MAX_LINE_BYTES + end,
        behind + b"\n",
        ends=ends,
    ).splitlines(keepends=True)

    assert replies[:2] == [CANCELLED] * 2
    assert error_of(replies[2]) == {
        "type": "too_large",
        "message": "a line of more than 1048576 bytes",
        "data": {"max_line_bytes": MAX_LINE_BYTES},
    }
    assert len(replies) == 3
    assert was_never_run(daemon, key)


def test_the_longest_line_is_of_1_mib(daemon: DaemonProcess) -> None:
    """The bound that hello tells is the one that holds."""
    empty = CALL % b',"info":""'
    longest = CALL % b',"info":"%b"' % (b"x" * (MAX_LINE_BYTES - len(empty)))
    assert len(longest) == MAX_LINE_BYTES

    assert b"job_id" in talk(daemon, longest + b"\n")
    assert error_of(talk(daemon, longest + b" \n"))["type"] == "too_large"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b""),
        (b"HEAD /x?y=z HTTP/1.0\r\n\r\n", b""),
        (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", b""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
        (b"POST / HTTP/1.1\r\nContent-Length: 999\r\n\r\n", b"%b\n"),
        (b"POST / HTTP/1.1\nContent-Length: 999\n\n", b"%b\n"),
        (b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n", b"\n\n%b\r\n%b"),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"4a\r\n%b\r\n0\r\n",
        ),
        (b"M-SEARCH / HTTP/1.1\r\n\r\n", b"%b\n"),
        (b"x_y.z!1 / HTTP/1.1\r\n\r\n", b"%b\n"),
        (b"post /x http/1.1\r\n\r\n", b"%b\n"),
        (b"POST\t/\tHTTP/1.1\r\n\r\n", b"%b\n"),
        (CANCEL + b"\nPUT / HTTP/1.1\r\n\r\n", b"%b\n"),
    ],
)
def test_an_http_request_gets_a_400_and_nothing_of_it_is_run(
    daemon: DaemonProcess, head: bytes, body: bytes
) -> None:
    """A web page may send a POST anywhere: its body must never be a call."""
    key = f"posted {head.hex()}"[:200]
    call = CALL % b',"key":"%b"' % key.encode()
    body = body.replace(b"%b", call)

    at_once, later = talk(daemon, head + body, ends=False), talk(daemon, head, body)

    assert at_once == later
    status, _, rest = at_once.removeprefix(CANCELLED).partition(b"\r\n")
    fields, _, told = rest.partition(b"\r\n\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    assert b"Content-Length: %d" % len(told) in fields.split(b"\r\n")
    assert error_of(told)["type"] == "invalid_protocol"
    assert was_never_run(daemon, key)


def test_a_tls_hello_is_answered_in_clear(daemon: DaemonProcess) -> None:
    """A client that was configured for TLS is to read why it failed."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = ssl.create_default_context().wrap_bio(
        incoming, outgoing, server_hostname="h"
    )
    with pytest.raises(ssl.SSLWantReadError):
        peer.do_handshake()

    reply = talk(daemon, outgoing.read(), CALL % b',"key":"tls"\n', ends=False)

    assert error_of(reply)["type"] == "invalid_protocol"
    assert "TLS" in error_of(reply)["message"]
    assert was_never_run(daemon, "tls")


def test_a_client_that_has_sent_all_gets_all(daemon: DaemonProcess) -> None:
    """A half-close means no more requests; a stream goes on to its end."""
    call = {"host": "worker", "procedure": "count", "arguments": {"n": 5, "gap": 0.05}}
    job = daemon.ask(call)["job_id"].encode()

    replies = talk(daemon, b'{"harpcaller":1,"follow_stream":"%b","since":0}' % job)

    assert len(replies.splitlines()) == 6
    assert replies.endswith(b'{"result":5}\n')
