"""Bytes to lines, however the network cuts them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from protocol.lines import LineBuffer

BYTES = st.text("ab\r\n", max_size=60).map(str.encode)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return `data` in the pieces that cuts at `places` leave."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


@given(BYTES, st.lists(st.integers(min_value=0), max_size=8), st.integers(1, 12))
def test_any_cut_of_the_bytes_gives_the_same_lines(
    data: bytes, places: list[int], max_line_bytes: int
) -> None:
    """TCP keeps no boundaries, so none may matter; neither for the bound."""
    whole, pieces = LineBuffer(max_line_bytes), LineBuffer(max_line_bytes)

    lines = [line for piece in cut(data, places) for line in pieces.take_lines(piece)]

    assert lines == whole.take_lines(data)
    assert pieces.is_overflown == whole.is_overflown
    assert pieces.has_partial == whole.has_partial
    assert pieces.take_rest() == whole.take_rest()


@given(BYTES)
def test_lines_and_rest_are_what_a_split_gives(data: bytes) -> None:
    """The plainest model of all."""
    buffer = LineBuffer(100)

    *lines, rest = (line.removesuffix(b"\r") for line in data.split(b"\n"))

    assert buffer.take_lines(data) == lines
    assert buffer.take_rest() == rest


def test_a_line_of_the_greatest_size_passes_and_one_more_byte_overflows() -> None:
    """The bound is told to clients; it counts the line without its newline."""
    buffer = LineBuffer(4)

    assert buffer.take_lines(b"1234\n12345\n6\n") == [b"1234"]
    assert buffer.is_overflown
    assert buffer.take_lines(b"7\n") == []


def test_a_partial_line_beyond_the_bound_overflows_and_is_let_go() -> None:
    """A flood without newlines must cost no more than the bound."""
    buffer = LineBuffer(4)

    assert buffer.take_lines(b"123") == []
    assert buffer.take_lines(b"45") == []

    assert buffer.is_overflown
    assert not buffer.has_partial


def test_the_rest_is_given_once() -> None:
    """It is a request at the end of the input, not two."""
    buffer = LineBuffer(100)
    buffer.take_lines(b"one\ntwo\r")

    assert buffer.take_rest() == b"two"
    assert buffer.take_rest() == b""


def test_no_bytes_change_nothing() -> None:
    """An empty read may come at any time, in the middle of a line too."""
    buffer = LineBuffer(100)
    buffer.take_lines(b"half")

    assert buffer.take_lines(b"") == []
    assert buffer.take_rest() == b"half"
