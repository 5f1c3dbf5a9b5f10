"""What a client may ask: every request, and every way to get one wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bad_requests import BAD_REQUESTS, BadRequest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES, objects

from protocol.call import Call, QueueSpec, Sealed
from protocol.errors import ErrorType, WireError
from protocol.examples import EXAMPLES
from protocol.job import JobId
from protocol.jsontext import NULL, JsonText, canonical, decode, encode
from protocol.requests import (
    MAX_CONTAINERS,
    Cancel,
    FollowStream,
    GetResult,
    GetStatus,
    Hello,
    Help,
    ReadStream,
    Request,
    Submit,
    parse_request,
)

JOB_ID = JobId("0192f0c1-0000-7000-8000-000000000001")
PLAIN = Call(host="h", procedure="p", arguments=JsonText(b"[]"))
_WORDS = (
    *("harpcaller", "host", "procedure", "arguments", "timeout", "max_exec_time"),
    *("queue", "info", "key", "retries", "sealed", "session", "cancel", "get_result"),
    *("get_status", "follow_stream", "read_stream", "wait", "since", "recent"),
    *("hello", "help"),
)
_OPTIONS = "timeout max_exec_time queue info key retries sealed session"
ANY_REQUEST = st.dictionaries(st.sampled_from(_WORDS), VALUES, max_size=6).map(
    lambda fields: {"harpcaller": 1} | fields
)


def line(**fields: Any) -> bytes:
    """Return the line of a request with these fields."""
    return json.dumps({"harpcaller": 1, **fields}).encode()


REQUESTS: dict[str, tuple[bytes, Request]] = {
    "no arguments": (line(host="h", procedure="p", arguments=[]), Submit(call=PLAIN)),
    "null is absent": (
        line(
            **dict.fromkeys(_OPTIONS.split(" ")),
            host="h",
            procedure="p",
            arguments=[],
        ),
        Submit(call=PLAIN),
    ),
    "everything": (
        line(
            host="h",
            procedure="p",
            arguments={"b": 1, "password": "x"},
            timeout=1.5,
            max_exec_time=10**30,
            queue={"name": {"b": 1, "a": 2}, "concurrency": 3},
            info=[None],
            key="k" * 200,
            retries=100,
            sealed=["/password"],
            session=True,
        ),
        Submit(
            call=Call(
                host="h",
                procedure="p",
                arguments=JsonText(b'{"b":1,"password":"***"}'),
                timeout_s=1.5,
                max_exec_s=10**9,
                queue=QueueSpec(name=JsonText(b'{"a":2,"b":1}'), concurrency=3),
                info=JsonText(b"[null]"),
                key="k" * 200,
                retries=100,
                sealed=(Sealed(pointer="/password", value=JsonText(b'"x"')),),
            ),
            session=True,
        ),
    ),
    "cancel": (line(cancel=JOB_ID), Cancel(job_id=JOB_ID)),
    "an id in capitals": (line(cancel=JOB_ID.upper()), Cancel(job_id=JOB_ID)),
    "an id that is none": (line(cancel="x"), Cancel(job_id=None)),
    "get_result waits": (line(get_result=JOB_ID), GetResult(job_id=JOB_ID)),
    "get_result, not waiting": (
        line(get_result=JOB_ID, wait=False),
        GetResult(job_id=JOB_ID, wait=False),
    ),
    "get_status": (
        line(get_status=JOB_ID, session=True),
        GetStatus(job_id=JOB_ID, session=True),
    ),
    "follow_stream": (line(follow_stream=JOB_ID), FollowStream(job_id=JOB_ID)),
    "follow_stream, since": (
        line(follow_stream=JOB_ID, since=0, recent=None),
        FollowStream(job_id=JOB_ID, since=0),
    ),
    "read_stream, recent": (
        line(read_stream=JOB_ID, recent=2**63 - 1),
        ReadStream(job_id=JOB_ID, recent=2**63 - 1),
    ),
    "hello": (line(hello=True), Hello()),
    "hello with a token": (line(hello={"token": "t"}), Hello(token="t")),  # noqa: S106 (no secret)
    "help": (line(help=True), Help()),
    "help, the word": (b"help", Help()),
    "help, a question mark": (b"?", Help()),
    "blanks around": (b" \t" + line(help=True) + b"\r", Help()),
}


@pytest.mark.parametrize(("text", "request_"), REQUESTS.values(), ids=REQUESTS)
def test_each_request_is_read_as_what_it_asks(text: bytes, request_: Request) -> None:
    """The specification's requests, with every field there is."""
    assert parse_request(text) == request_


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=lambda bad: bad.title)
def test_each_bad_request_has_its_one_answer(bad: BadRequest) -> None:
    """The answer says which field is wrong and what was expected."""
    with pytest.raises(WireError) as caught:
        parse_request(bad.line)

    error = caught.value
    assert (error.type, (error.data or {}).get("field")) == (bad.type, bad.field)
    assert bad.says in error.message


@given(ANY_REQUEST | VALUES)
def test_any_json_gives_a_request_or_a_wire_error(value: Any) -> None:
    """Promise P6: nothing a client writes may fly through the session."""
    refused = None
    try:
        parse_request(json.dumps(value).encode())
    except WireError as error:
        refused = error.type

    assert refused in {
        None,
        ErrorType.INVALID_REQUEST,
        ErrorType.INVALID_PROTOCOL,
        ErrorType.PARSE_ERROR,
    }


@given(st.binary(max_size=40))
def test_any_bytes_give_a_request_or_a_wire_error(text: bytes) -> None:
    """A port that listens is found by everything that scans."""
    refused = None
    try:
        parse_request(text)
    except WireError as error:
        refused = error.type

    assert refused is not None or text in {b"?", b"help"}


@given(st.lists(VALUES) | objects(VALUES), VALUES, objects(VALUES))
def test_values_pass_through_a_call_unharmed(
    arguments: Any, info: Any, name: dict[str, Any]
) -> None:
    """Promise P5, for all three values that a call carries."""
    text = line(
        host="h", procedure="p", arguments=arguments, info=info, queue={"name": name}
    )

    request = parse_request(text)

    assert isinstance(request, Submit)
    assert request.call.arguments == encode(decode(json.dumps(arguments).encode()))
    assert request.call.info == encode(info)
    assert request.call.queue == QueueSpec(name=canonical(name))


@pytest.mark.parametrize(("what", "text"), EXAMPLES)
def test_what_help_prints_can_be_pasted(what: str, text: str) -> None:
    """An example with a mistake in it is worse than none."""
    assert what
    assert "\n" not in text

    parse_request(text.encode())


def test_a_token_is_in_no_repr() -> None:
    """Promise P7: requests are printed in tracebacks and logs."""
    assert "hunter2" not in repr(parse_request(line(hello={"token": "hunter2"})))


def test_a_large_request_is_read_like_a_small_one() -> None:
    """The collector is paused for it; nothing else may differ."""
    call = parse_request(line(host="h", procedure="p", arguments=["x" * 2**17]))

    assert isinstance(call, Submit)
    assert call.call.info == NULL


def test_a_request_may_hold_so_many_lists_and_objects_and_no_more() -> None:
    """Beyond that it would hold the loop: P6."""
    most = line(host="h", procedure="p", arguments=[[]] * (MAX_CONTAINERS - 2))

    parse_request(most)
    with pytest.raises(WireError, match="more than 200000 lists and objects"):
        parse_request(most.replace(b"[[]", b"[[],[]", 1))


def test_a_large_request_with_a_repeated_field_is_refused_without_its_name() -> None:
    """To find the name would take as long as reading the line again."""
    large = line(host="h", procedure="p", arguments=["x" * 2**17])

    with pytest.raises(WireError, match="a field is given more than once"):
        parse_request(large[:-1] + b',"host":"g"}')


def test_what_is_asked_again_is_the_same_request_and_little_is_remembered() -> None:
    """Who polls costs less; who polls a million jobs costs no more memory."""
    asked = [
        line(get_status=f"01a2233a-a222-746e-bfe5-{number:012x}")
        for number in range(10_000)
    ]

    first = parse_request(asked[0])
    again = parse_request(asked[0])
    for other in asked[1:]:
        parse_request(other)
    later = parse_request(asked[0])

    assert again is first
    assert later == first
    assert later is not first


@pytest.mark.parametrize("text", [b"hello", b" quit", b"EHLO x", b"\xff", b'"x'])
def test_who_sends_words_is_told_of_help(text: bytes) -> None:
    """Somebody types, and does not know that JSON is spoken here."""
    with pytest.raises(WireError) as caught:
        parse_request(text)

    assert caught.value.type is ErrorType.PARSE_ERROR
    assert caught.value.message.endswith('; send "help" for examples')


@pytest.mark.parametrize("text", [b'{"harpcaller":1', b"[1", b' {"a"'])
def test_a_mistake_in_an_object_is_told_alone(text: bytes) -> None:
    """A program's author knows what was meant."""
    with pytest.raises(WireError) as caught:
        parse_request(text)

    assert "help" not in caught.value.message
