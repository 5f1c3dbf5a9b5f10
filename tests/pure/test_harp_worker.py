"""The worker's side of its conversation: requests read, replies written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import harp_worker
from protocol.harp import (
    Acknowledged,
    CallerConversation,
    Ended,
    HarpCall,
    Packets,
    request,
)
from protocol.harp_worker import Refusal, Refused, read_call
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, encode
from protocol.outcome import Failed, Raised, Returned

JOB_ID = "3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d11"
AUTH = b'"auth":{"user":"u","password":"p"}'

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    procedure=st.text(),
    arguments=st.lists(values) | st.dictionaries(st.text(), values),
    user=st.text(),
    password=st.text(),
    fence=st.integers(0, 2**63) | st.none(),
)
def test_a_request_is_read_as_it_was_written(
    procedure: str,
    arguments: JsonValue,
    user: str,
    password: str,
    fence: int | None,
) -> None:
    """Both sides of the wire are here, so they must agree."""
    call = HarpCall(
        procedure=procedure,
        arguments=encode(arguments),
        user=user,
        password=password,
        job_id=None if fence is None else JobId(JOB_ID),
        fence=fence,
    )

    assert read_call(request(call)[:-1]) == call


REFUSED = {
    b"x": Refusal.PARSE_ERROR,
    b"\xff": Refusal.PARSE_ERROR,
    b"[]": Refusal.INVALID_PROTOCOL,
    b"{}": Refusal.INVALID_PROTOCOL,
    b'{"harp":2}': Refusal.INVALID_PROTOCOL,
    b'{"harp":true}': Refusal.INVALID_PROTOCOL,
    b'{"harp":1}': Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":1,"arguments":[],' + AUTH + b"}": Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":"p","arguments":1,' + AUTH + b"}": Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":"p","arguments":[]}': Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":"p","arguments":[],"auth":{"user":"u"}}': (
        Refusal.INVALID_REQUEST
    ),
    b'{"harp":1,"procedure":"p","arguments":[],"job_id":"x",'
    + AUTH
    + b"}": Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":"p","arguments":[],"job_id":1,'
    + AUTH
    + b"}": Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":"p","arguments":[],"fence":-1,'
    + AUTH
    + b"}": Refusal.INVALID_REQUEST,
    b'{"harp":1,"procedure":"p","arguments":[],"fence":true,'
    + AUTH
    + b"}": Refusal.INVALID_REQUEST,
}


@pytest.mark.parametrize("line", REFUSED)
def test_a_bad_request_is_refused_in_the_words_of_the_original(line: bytes) -> None:
    """Dispatchers of the original know these words."""
    with pytest.raises(Refused) as caught:
        read_call(line)

    assert caught.value.type == REFUSED[line]


def test_unknown_fields_of_a_request_are_ignored() -> None:
    """A newer dispatcher may say more."""
    line = b'{"harp":1,"procedure":"p","arguments":{},"more":1,' + AUTH + b"}"

    call = read_call(line)

    assert (call.procedure, call.arguments, call.user) == ("p", b"{}", "u")


def test_the_dispatcher_understands_each_reply() -> None:
    """Both sides of the wire are here, so they must agree."""
    conversation = CallerConversation()

    events = conversation.receive(
        harp_worker.acknowledgement(streams=True)
        + harp_worker.packet(JsonText(b"[1]"))
        + harp_worker.result(JsonText(b"2"))
    )

    assert events == [
        Acknowledged(True),
        Packets((JsonText(b"[1]"),)),
        Ended(Returned(JsonText(b"2"))),
    ]


@pytest.mark.parametrize("data", [None, JsonText(b'{"a":1}')])
def test_the_dispatcher_understands_an_exception(data: JsonText | None) -> None:
    """Type, message and data arrive as they were raised."""
    conversation = CallerConversation()
    conversation.receive(harp_worker.acknowledgement(streams=False))

    events = conversation.receive(harp_worker.exception("E", "ä", data))

    assert events == [Ended(Raised(type="E", message="ä", data=data))]


def test_the_dispatcher_understands_a_refusal() -> None:
    """It comes instead of an acknowledgement."""
    complaint = Refused(Refusal.NO_SUCH_PROCEDURE, "nothing here")

    events = CallerConversation().receive(harp_worker.refused(complaint))

    data = JsonText(b'{"from":"worker"}')
    assert events == [
        Ended(Failed(type="no_such_procedure", message="nothing here", data=data))
    ]
