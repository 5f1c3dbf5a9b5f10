"""A call where nothing else may be asked: in the body of a request, not in a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES

from protocol.errors import ErrorType, WireError
from protocol.jsontext import LARGE_TEXT_BYTES, encode
from protocol.requests import Submit, parse_call, parse_request

CALL = {"host": "h", "procedure": "p", "arguments": [1]}


def text(**more: Any) -> bytes:
    """Return a call with more fields."""
    return json.dumps({**CALL, **more}).encode()


@given(st.fixed_dictionaries({}, optional={"info": VALUES, "key": st.just("k")}))
def test_it_is_the_call_that_a_line_would_be(more: dict[str, Any]) -> None:
    """One of both would be wrong otherwise."""
    line = parse_request(text(harpcaller=1, **more))

    assert isinstance(line, Submit)
    assert parse_call(text(**more)) == line.call
    assert parse_call(text(harpcaller=1, session=True, **more)) == line.call


def test_a_large_one_is_read_too() -> None:
    """There the collector rests."""
    large = "x" * LARGE_TEXT_BYTES

    assert parse_call(text(info=large)).info == encode(large)


def test_it_may_be_laid_out_over_lines() -> None:
    """A body is no line."""
    call = parse_call(json.dumps(CALL, indent=2).encode() + b"\n")

    assert call == parse_call(text())


@pytest.mark.parametrize("own", [{}, {"key": None}, {"key": "k"}])
def test_a_key_beside_it_is_its_key(own: dict[str, Any]) -> None:
    """Also where both say it."""
    assert parse_call(text(**own), "k").key == "k"


@pytest.mark.parametrize("own", ["other", 1, ["k"], {"k": 1}])
def test_two_keys_are_refused(own: Any) -> None:
    """Nobody knows which one was meant."""
    with pytest.raises(WireError, match="Idempotency-Key"):
        parse_call(text(key=own), "k")


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"", ErrorType.PARSE_ERROR),
        (b"help", ErrorType.PARSE_ERROR),
        (b"[]", ErrorType.INVALID_REQUEST),
        (b"null", ErrorType.INVALID_REQUEST),
        (text(harpcaller=2), ErrorType.INVALID_PROTOCOL),
        (text(harpcaller=None), ErrorType.INVALID_PROTOCOL),
        (text(cancel="x"), ErrorType.INVALID_REQUEST),
        (b'{"hello":true}', ErrorType.INVALID_REQUEST),
        (text(hots="x"), ErrorType.INVALID_REQUEST),
        (text()[:-1] + b',"host":"h"}', ErrorType.INVALID_REQUEST),
        (text(session="yes"), ErrorType.INVALID_REQUEST),
        (b'{"host":"h"}', ErrorType.INVALID_REQUEST),
    ],
    ids=range(12),
)
def test_what_is_no_call_is_refused(body: bytes, type_: ErrorType) -> None:
    """In the words of a line."""
    with pytest.raises(WireError) as caught:
        parse_call(body)

    assert caught.value.type is type_
