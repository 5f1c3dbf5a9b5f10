"""Whether the last record that came is whole."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from harpcaller.tls_stream import Records

LENGTHS = st.lists(st.integers(0, 40), max_size=6)


@given(lengths=LENGTHS, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_any_cut_of_whole_records_ends_whole(
    lengths: list[int], cuts: list[int]
) -> None:
    """An idle connection with nothing on it must be fit for the next call."""
    data = b"".join(record(length) for length in lengths)
    records = Records()

    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(places):
        records.receive(data[start:end])

    assert not records.is_cut


@given(lengths=LENGTHS, length=st.integers(0, 40), rest=st.integers(1, 44))
def test_a_piece_of_a_record_is_noticed(
    lengths: list[int], length: int, rest: int
) -> None:
    """It is something that came, although it cannot be decrypted yet."""
    whole = b"".join(record(length) for length in lengths)
    piece = record(length)[: min(rest, length + 4)]
    records = Records()

    records.receive(whole + piece)

    assert records.is_cut


def record(length: int) -> bytes:
    """Return a record of so many bytes."""
    return b"\x17\x03\x03" + length.to_bytes(2) + bytes(length)
