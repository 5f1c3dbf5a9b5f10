"""What a Harmony service writes, made into packets, in any cut."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.worker.harmony.hiding import Hiding
from harpcaller.worker.harmony.loglines import MAX_LINE_BYTES, LogLines
from protocol.jsontext import MAX_DEPTH

SECRET = 'se"cret-token'  # noqa: S105 (a test's)


def packets(
    *pieces: bytes, most: int = 100, secrets: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Return the packets of what comes in these pieces."""
    lines = LogLines(Hiding(secrets), most)
    found = [packet for piece in pieces for packet in lines.receive("stdout", piece)]
    return [*found, *lines.receive_eof("stdout")]


def test_lines_are_packets() -> None:
    """JSON objects are what harmony-service-lib writes; all else is text."""
    found = packets(b'one\n{"level":"INFO"}\r\n[1]\n{no}\n\nlast')

    assert found == [
        {"log": "stdout", "line": "one"},
        {"log": "stdout", "json": {"level": "INFO"}},
        {"log": "stdout", "line": "[1]"},
        {"log": "stdout", "line": "{no}"},
        {"log": "stdout", "line": ""},
        {"log": "stdout", "line": "last"},
    ]


@given(text=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_any_cut_gives_the_same_packets(text: bytes, cuts: list[int]) -> None:
    """A pipe cuts where it likes."""
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(edges)]

    assert packets(*pieces) == packets(text)


def test_the_streams_are_apart() -> None:
    """Half a line of one is not the beginning of the other's."""
    lines = LogLines(Hiding(()))

    found = [*lines.receive("stdout", b"a"), *lines.receive("stderr", b"b\n")]
    found += [*lines.receive("stdout", b"c\n")]

    assert found == [
        {"log": "stderr", "line": "b"},
        {"log": "stdout", "line": "ac"},
    ]


@pytest.mark.parametrize("piece", [10_000, 1_000_000])
def test_a_long_line_is_cut_and_marked(piece: int) -> None:
    """A service may print a granule; who reads must know that it is not all."""
    text = "é".encode() * 500_000
    pieces = [text[start : start + piece] for start in range(0, len(text), piece)]

    [first, second] = packets(*pieces, b"\nnext")

    assert first == {"log": "stdout", "line": "é" * (MAX_LINE_BYTES // 2), "cut": True}
    assert second == {"log": "stdout", "line": "next"}


def test_what_is_too_deep_for_a_packet_stays_text() -> None:
    """The line of the wire could not be read."""
    depth = MAX_DEPTH - 2
    deep = '{"a":' * depth + "1" + "}" * depth

    assert "json" in packets(deep.encode())[0]
    assert "line" in packets(f'{{"a":{deep}}}'.encode())[0]


def test_after_many_lines_they_are_counted_only() -> None:
    """A job's stream is kept; a service that loops would fill a disk."""
    lines = LogLines(Hiding(()), 2)

    found = [*lines.receive("stderr", b"a\nb\nc\nd"), *lines.receive_eof("stderr")]

    assert [packet["line"] for packet in found] == ["a", "b"]
    assert lines.omitted == 2


@pytest.mark.parametrize(
    "line", [SECRET, f"token={SECRET}!", '{"a":["se\\"cret-token"]}', 'se\\"cret-token']
)
def test_a_secret_is_never_told(line: str) -> None:
    """However it is spelled: the library itself logs its configuration."""
    [packet] = packets(line.encode(), secrets=(SECRET,))

    assert "cret-token" not in str(packet)
    assert "***" in str(packet)


def test_a_secret_at_the_cut_is_not_told_by_half() -> None:
    """What is cut off could be the second half."""
    secret = "x" * 2000

    [packet] = packets(
        b"a" * (MAX_LINE_BYTES - 1000) + secret.encode(), secrets=(secret,)
    )

    assert "x" not in packet["line"]


def test_secrets_are_taken_out_of_values() -> None:
    """Longest first, names too; numbers stay, and what is too short to be one."""
    hiding = Hiding(["secret", "secret-long", "", "ab"])

    told = hiding.value({"secret": ["secret-long", 1, None, True], "ab": 1.5})

    assert told == {"***": ["***", 1, None, True], "ab": 1.5}
