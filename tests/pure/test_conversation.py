"""What one connection asks, and how long it is waited for."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harpcaller.front.conversation import Asked, Bounds, Conversation
from harpcaller.meters import Refusals
from protocol.job import JobId
from protocol.requests import GetStatus, Hello, Help, Request

JOB_ID = JobId("0190f3a8-7c1e-7b6a-9d52-4f0b7c1d2e3f")
STATUS = b'{"harpcaller":1,"get_status":"%b"}' % JOB_ID.encode()
BOUNDS = Bounds(max_line_bytes=200, max_pending=3)


def begin(bounds: Bounds = BOUNDS) -> Conversation:
    """Return a conversation that began at 100 seconds."""
    return Conversation(bounds, now=100.0, refusals=Refusals())


def ask(conversation: Conversation, *data: bytes) -> list[Asked]:
    """Return all that was asked by `data`, piece by piece."""
    asked: list[Asked] = []
    for piece in data:
        conversation.receive(piece)
        while batch := conversation.next_batch():
            asked += batch
    return asked


def error_of(asked: Asked) -> dict[str, Any]:
    """Return the error in a reply."""
    assert isinstance(asked, bytes)
    error: dict[str, Any] = json.loads(asked)["error"]
    return error


def test_a_line_becomes_a_request() -> None:
    """The one thing it is there for."""
    assert ask(begin(), STATUS + b"\n") == [GetStatus(job_id=JOB_ID)]


@given(cuts=st.lists(st.integers(0, 300), max_size=8))
def test_any_cut_of_the_bytes_asks_the_same(cuts: list[int]) -> None:
    """TCP cuts where it likes."""
    text = STATUS + b"\r\n\n" + b"help\n" + STATUS[:-1] + b"\n" + STATUS
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]

    asked = ask(begin(), *pieces, b"")

    assert asked[0] == asked[3] == GetStatus(job_id=JOB_ID)
    assert asked[1] == Help()
    assert error_of(asked[2])["type"] == "parse_error"
    assert len(asked) == 4


def test_a_batch_holds_at_most_max_pending() -> None:
    """Memory for replies is bounded however much comes in one read."""
    conversation = begin()

    conversation.receive((STATUS + b"\n") * 7)

    assert [len(conversation.next_batch()) for _ in range(4)] == [3, 3, 1, 0]


def test_the_last_line_needs_no_line_end_at_eof() -> None:
    """`printf … | nc -N` sends none."""
    conversation = begin()

    assert ask(conversation, STATUS, b"") == [GetStatus(job_id=JOB_ID)]
    assert conversation.is_over


def test_nothing_is_read_after_eof() -> None:
    """An end is an end, whatever a caller passes on."""
    assert ask(begin(), b"", STATUS + b"\n") == []


def test_a_line_too_long_is_told_after_the_ones_before_it() -> None:
    """What was asked in good order is answered first; then framing is lost."""
    conversation = begin()

    asked = ask(conversation, STATUS + b"\n" + b"x" * 300, STATUS + b"\n")

    assert asked[0] == GetStatus(job_id=JOB_ID)
    assert error_of(asked[1])["type"] == "too_large"
    assert len(asked) == 2
    assert conversation.is_over


def test_a_bad_line_leaves_the_connection_alive() -> None:
    """A typing error costs one line."""
    conversation = begin()

    asked = ask(conversation, b"garbage\n", STATUS + b"\n")

    assert error_of(asked[0])["type"] == "parse_error"
    assert asked[1] == GetStatus(job_id=JOB_ID)
    assert not conversation.is_over


def test_a_tls_hello_is_told_in_clear_at_once() -> None:
    """A hello has no line end to wait for."""
    conversation = begin()

    [asked] = ask(conversation, b"\x16\x03\x01\x02\x00\x01")

    assert "TLS" in error_of(asked)["message"]
    assert conversation.is_over


def test_http_is_refused_with_everything_behind_it() -> None:
    """A web page must not be able to run a call by a request's body."""
    for first in (
        b"GET / HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"post /x http/1.1",
        b"M-SEARCH / HTTP/1.1",
        b"x_y.z!1 / HTTP/1.1",
        b"POST\t/\tHTTP/1.1",
    ):
        conversation = begin()
        head = first + b"\r\nHost: x\r\n\r\n" + STATUS + b"\n"

        [asked] = ask(conversation, head, STATUS + b"\n")

        assert isinstance(asked, bytes)
        assert asked.startswith(b"HTTP/1.1 400 ")
        head, _, body = asked.partition(b"\r\n\r\n")
        assert error_of(body)["type"] == "invalid_protocol"
        assert b"Content-Length: %d\r\n" % len(body) in head
        assert conversation.is_over


def test_http_is_refused_even_behind_a_long_line() -> None:
    """The farewell of an overflown buffer does not follow the 400."""
    conversation = begin()

    [asked] = ask(conversation, b"GET / HTTP/1.1\r\n" + b"x" * 300)

    assert isinstance(asked, bytes)
    assert asked.startswith(b"HTTP/1.1 400 ")


def test_the_first_line_is_waited_for_30_seconds() -> None:
    """A silent client keeps its place for no longer."""
    conversation = begin()
    conversation.wait_from(110.0)
    assert conversation.deadline == 130.0
    assert conversation.last_words() == b""


def test_dripping_does_not_make_the_first_line_last_longer() -> None:
    """One byte a second is no way to hold a connection."""
    conversation = begin()
    for second in range(29):
        ask(conversation, b"{")
        conversation.wait_from(100.0 + second)
    assert conversation.deadline == 130.0


def test_an_incomplete_line_is_waited_for_2_seconds() -> None:
    """Bare netcat sends no EOF: its unterminated line is answered all the same."""
    conversation = begin()
    ask(conversation, STATUS[:9])
    conversation.wait_from(105.0)

    assert conversation.deadline == 107.0
    words = error_of(conversation.last_words())
    assert words == {
        "type": "parse_error",
        "message": "incomplete line: no newline",
    }
    assert conversation.is_over


def test_a_later_line_is_waited_for_as_long_as_the_first() -> None:
    """The bound of 30 seconds counts from the line's first byte."""
    conversation = begin()
    ask(conversation, STATUS + b"\n")
    conversation.wait_from(200.0)
    ask(conversation, b"{")
    conversation.wait_from(201.0)
    assert conversation.deadline == 203.0
    for second in range(202, 231):
        ask(conversation, b"{")
        conversation.wait_from(second)
    assert conversation.deadline == 231.0


def test_after_a_reply_the_connection_lingers() -> None:
    """A bare `echo … | nc` ends by itself."""
    conversation = begin()
    ask(conversation, STATUS + b"\n")
    conversation.wait_from(105.0)
    assert conversation.deadline == 106.0
    assert conversation.last_words() == b""


def test_a_session_stays_open() -> None:
    """People and programs can converse: hello, help or "session":true ask for it."""
    hello = b'{"harpcaller":1,"hello":true}'
    marked = STATUS[:-1] + b',"session":true}'
    for line, meant in ((hello, Hello), (b"help", Help), (marked, GetStatus)):
        conversation = begin()
        [asked] = ask(conversation, line + b"\n")
        assert isinstance(asked, Request)
        assert isinstance(asked, meant)
        conversation.wait_from(105.0)
        assert conversation.deadline == 705.0


def test_in_a_session_a_slow_typist_is_no_error() -> None:
    """Only silence for the whole idle time ends it, without a word."""
    conversation = begin()
    ask(conversation, b"help\n")
    conversation.wait_from(105.0)
    ask(conversation, b'{"harp')
    conversation.wait_from(110.0)
    assert conversation.deadline == 710.0
    ask(conversation, b"caller")
    conversation.wait_from(120.0)
    assert conversation.deadline == 710.0
    assert conversation.last_words() == b""
