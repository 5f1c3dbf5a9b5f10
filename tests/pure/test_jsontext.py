"""Text to values and back, exactly, within bounds."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES, is_same

from protocol.errors import ErrorType, WireError
from protocol.jsontext import (
    LARGE_TEXT_BYTES,
    MAX_DEPTH,
    MAX_INTEGER_DIGITS,
    JsonText,
    JsonValue,
    canonical,
    collector_paused,
    count_fields,
    decode,
    encode,
    is_within_depth,
)

LONG = b"9" * 25  # sends a text down the exact path


def nested(levels: int) -> bytes:
    """Return text of `levels` lists and objects, one in the other."""
    outer = b'[{"a":' * (levels // 2) + b"[" * (levels % 2)
    return outer + b"1" + b"]" * (levels % 2) + b"}]" * (levels // 2)


@given(VALUES)
def test_a_value_comes_back_from_its_text(value: Any) -> None:
    """Promise P5: values pass unharmed."""
    assert is_same(decode(encode(value)), value)


@given(VALUES)
def test_text_of_any_json_writer_gives_the_same_value(value: Any) -> None:
    """Escapes, blanks and line breaks are the writer's choice."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert is_same(decode(text.encode()), value)


@given(VALUES)
def test_text_we_write_is_one_line(value: Any) -> None:
    """A line break inside a value would tear the line it is put into."""
    text = encode(value)

    assert text.splitlines() == [text]
    assert text == text.strip()


@given(VALUES, VALUES)
def test_canonical_texts_are_equal_exactly_for_equal_values(one: Any, two: Any) -> None:
    """Queue names and the content of a key are compared by it."""
    reordered = json.loads(json.dumps(one), object_pairs_hook=_from_last_to_first)

    assert canonical(reordered) == canonical(one)
    if canonical(one) == canonical(two):
        assert is_same(one, two)


def _from_last_to_first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


@pytest.mark.parametrize(
    ("one", "two", "is_equal"),
    [
        (b'{"a":1,"b":2}', b'{ "b" : 2, "a" : 1 }', True),
        (b"1", b"1.0", False),
        (b"1e3", b"1000.0", True),
        (b'"\\u00e9"', '"é"'.encode(), True),
        (b'{"b":1,"a":%b}' % LONG, b'{"a":%b,"b":1}' % LONG, True),
        (b"true", b"1", False),
    ],
)
def test_equality_is_that_of_values_not_of_spellings(
    one: bytes, two: bytes, is_equal: bool
) -> None:
    """The original told 1 from 1.0, and so do we."""
    assert (canonical(decode(one)) == canonical(decode(two))) is is_equal


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_the_longest_integer_is_exact_and_one_more_digit_is_refused(
    sign: bytes,
) -> None:
    """4,300 digits is what Python reads; a silent float would be a wrong value."""
    longest = sign + b"7" * MAX_INTEGER_DIGITS

    assert encode(decode(longest)) == longest
    with pytest.raises(WireError, match="more than 4300 digits"):
        decode(longest + b"7")


@pytest.mark.parametrize("bits", [63, 64, 65])
def test_integers_around_the_machine_word_are_exact(bits: int) -> None:
    """The fast reader turns what does not fit into a float, without a word."""
    for number in (2**bits - 1, 2**bits, -(2**bits), -(2**bits) - 1):
        assert decode(b"%d" % number) == number


BAD_TEXTS = {
    "nothing": (b"", "byte 0"),
    "blanks": (b"  ", "byte"),
    "garbage": (b"hello", "byte 0"),
    "two values": (b"1 2", "byte 2"),
    "cut list": (b"[1,2", "byte 4"),
    "cut string": (b'"abc', "byte"),
    "single quotes": (b"{'a':1}", "byte 1"),
    "trailing comma": (b"[1,]", "byte 2"),
    "comment": (b"[1] // one", "byte 4"),
    "leading zero": (b"01", "byte"),
    "plus": (b"+1", "byte 0"),
    "bare fraction": (b".5", "byte 0"),
    "hexadecimal": (b"0x10", "byte 1"),
    "NaN": (b"NaN", "byte 0"),
    "infinity": (b"-Infinity", "byte"),
    "beyond a double": (b"1e400", "byte"),
    "raw control character": (b'"a\x01b"', "byte 2"),
    "bad escape": (b'"\\x41"', "byte"),
    "lone surrogate": (b'"\\ud800"', "byte"),
    "lone low surrogate": (b'"a\\udc00b"', "byte"),
    "invalid UTF-8": (b'["a", "\xff"]', "invalid UTF-8 at byte 7"),
    "overlong UTF-8": (b'"\xc0\xaf"', "invalid UTF-8 at byte 1"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "invalid UTF-8 at byte 1"),
    "exact, garbage": (LONG + b" x", "byte 26"),
    "exact, garbage behind wide characters": ('["ü",'.encode() + LONG, "byte 31"),
    "exact, NaN": (b"[NaN,%b]" % LONG, "NaN is no JSON"),
    "exact, beyond a double": (b"[1e400,%b]" % LONG, "beyond the range of a double"),
    "exact, long and beyond": (b"1" * 400 + b".0", "beyond the range of a double"),
    "exact, lone surrogate": (b'["\\uDEAD",%b]' % LONG, "lone surrogate"),
    "exact, surrogate in a name": (b'{"\\ud800":%b}' % LONG, "lone surrogate"),
    "exact, invalid UTF-8": (b'["\xff",%b]' % LONG, "invalid UTF-8 at byte 2"),
    "exact, deep": (b"[%b,%b" % (LONG, b"[" * 100_000), "nested deeper than"),
    "exact, byte order mark": ("\ufeff".encode() + LONG, "byte 0"),
}


@pytest.mark.parametrize(("text", "complaint"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_what_is_no_json_is_refused_with_its_place(text: bytes, complaint: str) -> None:
    """A stranger with netcat has to find the mistake."""
    with pytest.raises(WireError, match=complaint) as caught:
        decode(text)

    assert caught.value.type is ErrorType.PARSE_ERROR


@given(st.binary(max_size=60) | st.text('[]{}",:1e9\\ud8-.', max_size=60))
def test_any_bytes_give_a_value_or_a_parse_error(source: bytes | str) -> None:
    """Promise P6: garbage is answered, it never flies."""
    text = source if isinstance(source, bytes) else source.encode()

    refused = None
    value = None
    try:
        value = decode(text)
    except WireError as error:
        refused = error.type

    assert refused in {None, ErrorType.PARSE_ERROR}
    assert is_same(decode(encode(value)), value)


@pytest.mark.parametrize("prefix", [b"", LONG + b","])
def test_the_deepest_text_is_read_and_one_more_level_is_refused(prefix: bytes) -> None:
    """A bound that is told in `hello` must be the bound that holds."""
    inner = nested(MAX_DEPTH - 1)

    decode(b"[%b%b]" % (prefix, inner))
    with pytest.raises(WireError, match="nested deeper than 128 levels"):
        decode(b"[%b[%b]]" % (prefix, inner))


def test_what_is_too_deep_for_the_reader_is_refused_whatever_the_bound() -> None:
    """Outcomes in the store have no bound of their own."""
    with pytest.raises(WireError, match="nested too deeply"):
        decode(b"[%b,%b]" % (LONG, nested(100_000)), max_depth=2**31)


@given(VALUES, st.integers(min_value=0, max_value=8))
def test_depth_is_counted_as_a_walk_counts_it(value: Any, levels: int) -> None:
    """Brackets in strings are text; the quick way of counting must agree."""
    text = json.dumps(["[[{", value, '\\"]}']).encode()

    assert is_within_depth(text, levels) == (_depth(["", value]) <= levels)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return 0
    return 1 + max(map(_depth, value), default=0)


@pytest.mark.parametrize("levels", range(1, 12))
def test_depth_of_combs_is_exact(levels: int) -> None:
    """Combs of any height meet each step of the count."""
    comb = b"[%b]" % b",".join([nested(levels - 1)] * 20)

    assert is_within_depth(comb, levels)
    assert not is_within_depth(comb, levels - 1)


def test_large_text_is_read_with_the_collector_paused_and_it_runs_again_after() -> None:
    """A paused collector that stays paused would be a leak."""
    assert gc.isenabled()

    assert decode(b"[%b1]" % (b"1," * LARGE_TEXT_BYTES)) == [1] * (LARGE_TEXT_BYTES + 1)

    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """Whoever turned it off had a reason."""
    gc.disable()
    try:
        with collector_paused():
            pass

        assert not gc.isenabled()
    finally:
        gc.enable()


TRICKY = st.text(st.sampled_from('"\\[]{}:,a\n'), max_size=12)


@given(
    st.recursive(
        TRICKY | st.integers(0, 9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(TRICKY, inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_brackets_in_strings_never_count(value: JsonValue) -> None:
    """However quotes and backslashes stand in them."""

    def depth(inner: JsonValue) -> int:
        if isinstance(inner, list):
            return 1 + max(map(depth, inner), default=0)
        if isinstance(inner, dict):
            return 1 + max(map(depth, inner.values()), default=0)
        return 0

    text = encode(value)

    assert is_within_depth(text, depth(value))
    assert not depth(value) or not is_within_depth(text, depth(value) - 1)
    if isinstance(value, dict):
        assert count_fields(text) == len(value)


@pytest.mark.parametrize("write", [encode, canonical])
def test_a_small_text_takes_little_memory(write: Callable[[Any], JsonText]) -> None:
    """Those of many jobs are kept; the writer below gives each of them 4 KiB."""
    tracemalloc.start()
    try:
        kept = [write({"n": number}) for number in range(1000)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(kept) == 1000
    assert taken < 200_000
