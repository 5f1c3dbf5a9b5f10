"""The dispatcher's side of the worker conversation: what comes in, what it means."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorType
from protocol.harp import (
    HEARTBEAT,
    Acknowledged,
    CallerConversation,
    Ended,
    Event,
    HarpCall,
    Packets,
    request,
)
from protocol.job import JobId
from protocol.jsontext import JsonText, decode
from protocol.outcome import Failed, Raised, Returned

ACK = b'{"harp":1,"stream_result":true}\n'
CANARY = "swordfish"
ACK_NO_STREAM = b'{"harp":1,"stream_result":false}\n'


def hear(data: bytes, max_line_bytes: int = 8192) -> list[Event]:
    """Return the events of a worker that said `data` and then closed."""
    conversation = CallerConversation(max_line_bytes=max_line_bytes)
    return conversation.receive(data) + conversation.receive_eof()


def ending(data: bytes) -> Failed:
    """Return how a call ended that must have failed."""
    *_, last = hear(data)
    assert isinstance(last, Ended)
    assert isinstance(last.outcome, Failed)
    return last.outcome


def test_a_result_follows_the_acknowledgement() -> None:
    """The plain call of the original protocol."""
    events = hear(ACK_NO_STREAM + b'{"result":[1,2.5,"x"]}\n')

    assert events == [Acknowledged(False), Ended(Returned(JsonText(b'[1,2.5,"x"]')))]


def test_packets_that_come_together_are_one_event() -> None:
    """One wake-up appends one lot to the log."""
    events = hear(ACK + b'{"stream":1}\r\n{ "stream" : {"a": 2} }\n{"result":null}\n')

    assert events == [
        Acknowledged(True),
        Packets((JsonText(b"1"), JsonText(b'{"a":2}'))),
        Ended(Returned(JsonText(b"null"))),
    ]


def test_an_exception_keeps_its_words() -> None:
    """The procedure's exception is the client's to read, unharmed."""
    line = (
        b'{"exception":{"type":"E","message":"m","data":[12345678901234567890123]}}\n'
    )

    events = hear(ACK + line)

    data = JsonText(b"[12345678901234567890123]")
    assert events[-1] == Ended(Raised(type="E", message="m", data=data))


def test_a_worker_error_keeps_its_type_and_is_marked() -> None:
    """A client can tell a worker's word from the dispatcher's."""
    line = b'{"harp":1,"error":{"type":"auth_error","message":"no","data":{"x":1}}}\n'

    for data in (line, ACK + line):
        outcome = ending(data)
        assert (outcome.type, outcome.message) == ("auth_error", "no")
        assert outcome.data == b'{"from":"worker","data":{"x":1}}'


@pytest.mark.parametrize("word", list(ErrorType))
def test_a_worker_cannot_speak_our_error_words(word: ErrorType) -> None:
    """`network_error` in an outcome must always be the dispatcher's own finding."""
    line = b'{"harp":1,"error":{"type":"%b","message":"no"}}\n' % word.encode()

    outcome = ending(line)

    assert outcome.type == ErrorType.PROTOCOL_ERROR
    assert outcome.data is not None
    assert decode(outcome.data) == {"from": "worker", "code": word.value}


def test_unknown_fields_in_a_reply_are_ignored() -> None:
    """A newer worker may say more; the original dispatcher killed the job."""
    events = hear(
        b'{"harp":1,"stream_result":true,"new":1}\n'
        b'{"stream":1,"at":5}\n{"result":2,"harp":1,"took":0.1}\n'
    )

    assert events == [
        Acknowledged(True),
        Packets((JsonText(b"1"),)),
        Ended(Returned(JsonText(b"2"))),
    ]


def test_a_packet_is_one_line_without_outer_blanks() -> None:
    """Its text goes to followers as it is, so nothing may break their lines."""
    said = b'{"stream":  [1, 2]\t}\n{"stream":[1,\r2]}\n{"stream":1}\n'

    events = hear(ACK + said)

    texts = (JsonText(b"[1, 2]"), JsonText(b"[1,2]"), JsonText(b"1"))
    assert events[1] == Packets(texts)


LIES = {
    "garbage": (b"hello\n", "parse_error"),
    "an empty line": (b"\n", "parse_error"),
    "no object": (b"[1]\n", "invalid_reply"),
    "no reply": (b"{}\n", "invalid_reply"),
    "a result before the acknowledgement": (b'{"result":1}\n', "invalid_reply"),
    "a packet before it": (b'{"stream":1}\n', "invalid_reply"),
    "an exception before it": (
        b'{"exception":{"type":"a","message":"b"}}\n',
        "invalid_reply",
    ),
    "another version": (b'{"harp":2,"stream_result":true}\n', "invalid_reply"),
    "version true": (b'{"harp":true,"stream_result":true}\n', "invalid_reply"),
    "no version": (b'{"stream_result":true}\n', "invalid_reply"),
    "stream_result of 1": (b'{"harp":1,"stream_result":1}\n', "invalid_reply"),
    "two acknowledgements": (ACK + ACK, "invalid_reply"),
    "a packet that was not promised": (
        ACK_NO_STREAM + b'{"stream":1}\n',
        "invalid_reply",
    ),
    "two replies in a line": (ACK + b'{"stream":1,"result":2}\n', "invalid_reply"),
    "an exception without message": (
        ACK + b'{"exception":{"type":"a"}}\n',
        "invalid_reply",
    ),
    "an exception that is text": (ACK + b'{"exception":"a"}\n', "invalid_reply"),
    "an error without type": (
        b'{"harp":1,"error":{"message":"a"}}\n',
        "invalid_reply",
    ),
    "an error that is null": (b'{"harp":1,"error":null}\n', "invalid_reply"),
    "invalid UTF-8": (ACK + b'{"stream":"\xff"}\n', "parse_error"),
    "a form feed": (ACK + b'{"stream":\f1}\n', "parse_error"),
    "no value": (ACK + b'{"stream":}\n', "parse_error"),
    "two closing braces": (ACK + b'{"stream":1}}\n', "parse_error"),
    "NaN": (ACK + b'{"stream":NaN}\n', "parse_error"),
    "a number beyond a double": (ACK + b'{"result":1e400}\n', "parse_error"),
    "a lone surrogate": (ACK + b'{"result":"\\ud800"}\n', "parse_error"),
    "depth": (ACK + b'{"result":' + b"[" * 200 + b"]" * 200 + b"}\n", "parse_error"),
    "depth in a packet": (
        ACK + b'{"stream":' + b"[" * 128 + b"]" * 128 + b"}\n",
        "parse_error",
    ),
    "a line too long": (ACK + b'{"result":"' + b"a" * 9000, "too_large"),
    "a whole line too long": (
        ACK + b'{"result":"' + b"a" * 9000 + b'"}\n',
        "too_large",
    ),
    "a heartbeat not agreed on": (ACK + HEARTBEAT, "invalid_reply"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_the_call_as_protocol_error(lie: str) -> None:
    """Every lie has one documented end; `data.code` says which kind it was."""
    said, code = LIES[lie]

    outcome = ending(said)

    assert outcome.type == ErrorType.PROTOCOL_ERROR
    assert outcome.data == b'{"code":"%b"}' % code.encode()


@pytest.mark.parametrize(
    "said", [b"", b'{"harp":1', ACK, ACK + b'{"stream":1}\n', ACK + b'{"result":1}']
)
def test_a_close_before_the_end_is_a_network_error(said: bytes) -> None:
    """Half a line may be half a number: without its end it says nothing."""
    outcome = ending(said)

    assert outcome.type == ErrorType.NETWORK_ERROR
    assert outcome.data == b'{"code":"closed"}'


@pytest.mark.parametrize(
    "more", [b'{"result":2}\n', b'{"stream":2}\n', b"x", b"\n", b"x" * 9000]
)
def test_what_follows_the_end_changes_nothing(more: bytes) -> None:
    """The outcome stands, but the connection is not fit for another call."""
    conversation = CallerConversation(max_line_bytes=8192)
    together = conversation.receive(ACK + b'{"result":1}\n' + more)
    apart = CallerConversation(max_line_bytes=8192)

    assert together[-1] == Ended(Returned(JsonText(b"1")))
    assert conversation.has_leftovers
    assert apart.receive(ACK + b'{"result":1}\n') == together
    assert not apart.has_leftovers
    assert apart.receive(more) == []
    assert apart.has_leftovers
    assert apart.receive_eof() == []


def test_heartbeats_are_no_events_where_they_were_agreed_on() -> None:
    """They only keep the connection from looking dead."""
    conversation = CallerConversation(has_heartbeats=True)

    events = conversation.receive(
        HEARTBEAT + ACK + HEARTBEAT + b'{"stream":1}\n' + HEARTBEAT + b'{"stream":2}\n'
    )

    assert events == [Acknowledged(True), Packets((JsonText(b"1"), JsonText(b"2")))]


def test_the_length_of_an_unfinished_line_is_known() -> None:
    """The runner parses long lines in a thread, and must know beforehand."""
    conversation = CallerConversation()

    conversation.receive(ACK + b'{"stream":')
    conversation.receive(b'"abc')

    assert conversation.pending_bytes == len(b'{"stream":"abc')
    conversation.receive(b'"}\n')
    assert conversation.pending_bytes == 0


def flat(events: list[Event]) -> list[object]:
    """Return the events with each packet on its own."""
    return list(
        itertools.chain.from_iterable(
            event.texts if isinstance(event, Packets) else [event] for event in events
        )
    )


PIECES = st.sampled_from(
    [
        ACK,
        ACK_NO_STREAM,
        HEARTBEAT,
        b'{"stream":[1]}\n',
        b'{"stream":"\xc3\xa4"}\r\n',
        b'{"result":1}\n',
        b'{"exception":{"type":"E","message":"m"}}\n',
        b'{"harp":1,"error":{"type":"t","message":"m"}}\n',
        b"x\n",
        b"y" * 40 + b"\n",
        b"z",
    ]
)


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 300), max_size=6))
def test_any_cut_of_the_bytes_gives_the_same_events(
    pieces: list[bytes], cuts: list[int]
) -> None:
    """How the network cuts must never decide how a job ends."""
    said = b"".join(pieces)
    conversation = CallerConversation(max_line_bytes=50, has_heartbeats=True)
    places = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]

    events: list[Event] = []
    for start, stop in itertools.pairwise(places):
        events += conversation.receive(said[start:stop])
    whole = CallerConversation(max_line_bytes=50, has_heartbeats=True)

    assert flat(events) == flat(whole.receive(said))
    assert conversation.has_leftovers == whole.has_leftovers
    assert conversation.receive_eof() == whole.receive_eof()


def test_the_request_has_exactly_the_keys_of_the_original() -> None:
    """Workers of the original refuse any other set."""
    call = HarpCall(
        procedure="p",
        arguments=JsonText(b"[1]"),
        user="u",
        password=CANARY,
    )

    assert request(call) == (
        b'{"harp":1,"procedure":"p","arguments":[1],'
        b'"auth":{"user":"u","password":"swordfish"}}\n'
    )
    assert CANARY not in repr(call)


def test_the_extension_names_job_and_fence() -> None:
    """A worker of ours can tell a call that was taken over."""
    job_id = JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d11")
    call = HarpCall(
        procedure="p",
        arguments=JsonText(b"{}"),
        user="",
        password="",
        job_id=job_id,
        fence=7,
    )

    assert request(call).endswith(b',"job_id":"%b","fence":7}\n' % job_id.encode())
