"""Text of Harmony's messages: what is JSON only to Python's reader is refused."""

from __future__ import annotations

import tracemalloc

import pytest

from harpcaller.adapters.harmony.reading import read_json, read_object
from harpcaller.adapters.harmony.refusals import Code, Refusal


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"a":1,\n "b":{"c":1,"c":2}}', "line 2 column 13"),
        (b'{"a\\"":1,"a\\u0022":1}', "line 1 column 10"),
        (b'[{"a":["a"]},\n\n {"a":NaN}]', "line 3 column 7"),
        (b'{"NaN":-Infinity}', "line 1 column 8"),
        (b"[1,]", "line 1 column 4"),
        (b"[1,\n\xff]", "line 2 column 1"),
    ],
)
def test_a_slip_is_named_by_line_and_column(text: bytes, place: str) -> None:
    """A message is long: who sent it has to find the place."""
    with pytest.raises(Refusal) as caught:
        read_json(text)

    assert caught.value.code is Code.NO_JSON
    assert caught.value.message == f"Message is not valid JSON: {place}"


@pytest.mark.parametrize(
    "text", [b'"\\ud800"', b"1e999", b"1" * 4301, b"[" * 100_000 + b"]" * 100_000]
)
def test_what_cannot_be_passed_on_is_no_json(text: bytes) -> None:
    """The worker's line could not say it either."""
    with pytest.raises(Refusal, match=r"^Message is not valid JSON: ") as caught:
        read_json(text)

    assert caught.value.status == 400


def test_integers_stay_exact() -> None:
    """A granule's number may be beyond a double."""
    assert read_json(b'{"n":123456789012345678901}') == {"n": 123456789012345678901}


def test_a_message_is_an_object() -> None:
    """A list of messages is none."""
    with pytest.raises(Refusal, match=r"^Message must be a JSON object$") as caught:
        read_object(b"[{}]")

    assert caught.value.code is Code.NO_OBJECT
    assert read_object(b'{"a":[]}') == {"a": []}


@pytest.mark.parametrize("part", [b"x", b"\\n"], ids=["letters", "escapes"])
def test_a_slip_is_found_without_much_memory(part: bytes) -> None:
    """Whoever may send messages could take all of it: some come at the same time."""
    text = b'{"a":"' + part * 500_000 + b'","b":1,"b":2}'
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            read_json(text)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 20 * len(text)
