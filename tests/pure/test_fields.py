"""Checks of one field, and their complaints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import LEAVES

from protocol.errors import ErrorType, WireError
from protocol.fields import (
    MAX_SECONDS,
    refuse_repeated,
    refuse_unknown,
    take_boolean,
    take_count,
    take_seconds,
    take_string,
)
from protocol.jsontext import decode

read: Callable[[bytes], Any] = decode
QUOTED = {"host": b'"host"', "max_exec_time": b'"max_exec_time"'}


def test_an_unknown_field_is_named_with_the_nearest_known_one() -> None:
    """A misspelt timeout that is ignored would be found when it is too late."""
    with pytest.raises(WireError, match='"tmeout", did you mean "timeout"') as caught:
        refuse_unknown({"host": 1, "tmeout": 2}, ["host", "timeout"])

    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.data == {
        "field": "tmeout",
        "expected": "a known field",
        "did_you_mean": "timeout",
    }


def test_an_unknown_field_that_is_near_to_none_is_answered_with_all_known() -> None:
    """The client learns what it could have said."""
    with pytest.raises(WireError) as caught:
        refuse_unknown({"zzz": 1}, ["host", "timeout"])

    assert caught.value.data == {"field": "zzz", "expected": 'one of "host", "timeout"'}


def test_a_complaint_quotes_no_more_than_the_beginning_of_a_field() -> None:
    """A field of 1 MiB must not come back as an answer of 3 MiB."""
    with pytest.raises(WireError) as caught:
        refuse_unknown({"x" * 10**6: 1}, ["host"])

    assert len(repr(caught.value)) < 1000


def test_known_fields_pass() -> None:
    """The usual case raises nothing."""
    refuse_unknown({"host": 1}, ["host", "timeout"])


@pytest.mark.parametrize(
    "line",
    [
        b'{"host":"a","host":"a"}',
        b'{"host":"a","max_exec_time":{"host":1},"host":"b"}',
        b' { "host" : 1 , "max_exec_time" : 2 , "host" : 3 } ',
        b'{"host":1,"h\\u006fst":2}',
        b'{"max_exec_time":1,"max\\u005Fexec_time":2,"host":1}',
        b'{"host":[1,{"host":2}],"max_exec_time":"host","host":{}}',
    ],
)
def test_a_field_given_twice_is_found_however_it_is_spelled(line: bytes) -> None:
    """Readers of JSON differ on which of the two counts: that is how checks slip."""
    with pytest.raises(WireError, match="to be given once"):
        refuse_repeated(line, read(line), QUOTED)


@pytest.mark.parametrize(
    "line",
    [
        b'{"host":"a"}',
        b'{"host":"host","max_exec_time":["host",{"host":1,"host":2}]}',
        b'{"host":"\\u006f","max_exec_time":1}',
        b'{"host":"\\u0001"}',
        b'{ "host" : {"host":1} }',
        b'{"other":1,"other":2,"host":"host"}',
        b"{}",
    ],
)
def test_what_is_nested_or_only_text_may_repeat(line: bytes) -> None:
    """Arguments are the caller's; only our own fields have to be single."""
    refuse_repeated(line, read(line), QUOTED)


def test_a_string_is_required() -> None:
    """Without a host there is nothing to do."""
    assert take_string({"host": ""}, "host") == ""
    for value in ({}, {"host": None}, {"host": 1}):
        with pytest.raises(WireError, match="expected a string"):
            take_string(value, "host")


def test_null_is_absent() -> None:
    """The original's client sends null for what it does not set."""
    given_null = {"a": None}

    assert take_boolean(given_null, "a", default=True)
    assert take_count(given_null, "a") is None
    assert take_seconds(given_null, "a") is None


@given(LEAVES)
def test_a_boolean_is_true_or_false_and_nothing_else(value: Any) -> None:
    """0 and "false" mean different things to different people."""
    if isinstance(value, bool):
        assert take_boolean({"a": value}, "a", default=not value) is value
    elif value is not None:
        with pytest.raises(WireError, match="expected true or false"):
            take_boolean({"a": value}, "a", default=True)


@given(LEAVES, st.integers(0, 3))
def test_a_count_is_an_integer_from_its_least_on(value: Any, least: int) -> None:
    """1.0 is no integer here, and true is not 1."""
    if type(value) is int and least <= value < 2**63:
        assert take_count({"a": value}, "a", least=least) == value
    elif value is not None:
        with pytest.raises(WireError, match=f"an integer of at least {least}"):
            take_count({"a": value}, "a", least=least)


def test_a_count_with_a_greatest_says_so() -> None:
    """The complaint has to hold both bounds."""
    assert take_count({"a": 100}, "a", most=100) == 100
    with pytest.raises(WireError, match="an integer from 0 to 100"):
        take_count({"a": 101}, "a", most=100)


@given(LEAVES)
def test_seconds_are_any_number_above_zero_and_at_most_thirty_years(value: Any) -> None:
    """An integer of 4,000 digits must not meet a clock."""
    is_number = type(value) in {int, float}
    if is_number and value > 0:
        assert take_seconds({"a": value}, "a") == min(value, MAX_SECONDS)
    elif value is not None:
        with pytest.raises(WireError, match="a number of seconds above 0"):
            take_seconds({"a": value}, "a")
