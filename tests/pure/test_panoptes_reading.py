"""Bodies of the monitor's clients: what is refused, and what is put right."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.adapters.panoptes.reading import fields, form, lenient, strict
from harpcaller.adapters.panoptes.updates import digest_of, job_id_text
from protocol.errors import ErrorType, WireError

LONG = "9" * 4301


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"[NaN]",
        b"[1e999]",
        b'{"a":1,"a":2}',
        b'[{"b":[{"a":1,"c":0,"a":2}]}]',
        b'["\\udcff"]',
        b'["\xff"]',
        b"[" * 129 + b"]" * 129,
        LONG.encode(),
    ],
)
def test_nothing_is_put_right_where_the_specification_rules(text: bytes) -> None:
    """P5: what comes back is what was sent, or it is refused."""
    with pytest.raises(WireError) as caught:
        strict(text)

    assert caught.value.type is ErrorType.PARSE_ERROR


def test_good_json_is_read_as_it_is() -> None:
    """Integers are exact, equal keys of different objects are none."""
    assert strict(b'{"a":[{"b":1},{"b":12345678901234567890123}]}') == {
        "a": [{"b": 1}, {"b": 12345678901234567890123}]
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"[NaN, Infinity, -Infinity]", [None, None, None]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'["a\\udcffb", {"\\ud800": 1}]', ["a\ufffdb", {"\ufffd": 1}]),
        (b'["\xff"]', ["\ufffd"]),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b"[NaN, 1.5, 2, true]", [None, 1.5, 2, True]),
        (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
    ],
)
def test_what_real_clients_send_is_put_right(text: bytes, value: Any) -> None:
    """Snakemake sends lone surrogates, Python's json NaN: no message is lost for it."""
    assert lenient(text) == value


def test_half_a_pair_in_a_text_is_put_right() -> None:
    """A text within a text comes here decoded, surrogates and all."""
    assert lenient('["a\udcff"]') == ["a\ufffd"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"[1e999]",
        b"[NaN, 1e999]",
        b"[" * 129 + b"]" * 129,
        b"[NaN," + b"[" * 129 + b"]" * 130,
        b"[" * 100_000,
        LONG.encode(),
    ],
)
def test_what_no_value_can_hold_is_refused(text: bytes) -> None:
    """The bounds of values are those of all others."""
    with pytest.raises(WireError) as caught:
        lenient(text)

    assert caught.value.type is ErrorType.PARSE_ERROR


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"id": 7}', {"id": 7}),
        (b"id=7&msg=%7B%7D&id=8", {"id": "8", "msg": "{}"}),
        (b"a=%ff&b=", {"a": "\ufffd", "b": ""}),
        (b"", {}),
    ],
)
def test_a_body_is_read_by_what_it_is(body: bytes, value: Any) -> None:
    """Snakemake 7.32 sends JSON and calls it nothing."""
    assert fields(body) == value


def test_a_body_that_is_a_list_is_refused() -> None:
    """It has no fields."""
    with pytest.raises(WireError):
        fields(b"[1]")


def test_a_form_has_no_endless_fields() -> None:
    """Each costs memory."""
    with pytest.raises(WireError):
        form(b"a&" * 2000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        ("a", "a"),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
        ("", None),
        (True, None),
        (None, None),
        (1.5, None),
        ([1], None),
    ],
)
def test_an_id_of_a_job_is_a_text_or_an_integer(value: Any, text: str | None) -> None:
    """0 is the rule `all`: nobody may test ids for truth."""
    assert job_id_text(value) == text


def test_messages_that_bear_a_time_are_told_apart() -> None:
    """Snakemake 8 sends each twice; Snakemake 9 sends equal ones that are two."""
    message: dict[str, Any] = {"level": "info", "timestamp": 1.5}

    assert digest_of(message) == digest_of({"timestamp": 1.5, "level": "info"})
    assert digest_of(message) != digest_of({**message, "timestamp": 1.6})
    for timestamp in (True, "1.5", None):
        assert digest_of({"timestamp": timestamp}) is None
    assert digest_of({}) is None
