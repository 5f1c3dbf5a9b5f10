"""What an executable wrote becomes packets and a result, however it is cut."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES

from harpcaller.worker.kinds.output import Output, ResultMode, Tail, as_json
from protocol.jsontext import MAX_DEPTH, decode, encode

MAX_BYTES = 1000
PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b" ", b"1", b'"', b"[", b"]", b"a", b"\xc3", b"\xa4", b"\0"]
)
TEXTS = st.lists(PIECES | st.binary(max_size=5), max_size=30).map(b"".join)


def an_output(
    mode: ResultMode = ResultMode.EXIT, *, streams: bool = True, most: int = MAX_BYTES
) -> Output:
    """Return the output of one call."""
    return Output(mode, streams=streams, max_line_bytes=most)


def cut(data: bytes, at: set[int]) -> list[bytes]:
    """Return `data` in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def said(output: Output, *pieces: bytes) -> bytes:
    """Return all lines that the pieces and their end become."""
    return b"".join([*map(output.receive, pieces), output.receive_eof()])


def packets(output: Output, *pieces: bytes) -> list[Any]:
    """Return the values of the packets that the pieces and their end become."""
    lines = said(output, *pieces).splitlines()
    return [json.loads(line)["stream"] for line in lines]


LINES: dict[bytes, list[Any]] = {
    b"": [],
    b"\n": [""],
    b"\n\n": ["", ""],
    b"1": [1],
    b"1\n": [1],
    b"1\r\n": [1],
    b"a\nb": ["a", "b"],
    b"a\r\r\n": ["a\r"],
    b" 1 \t\n": [1],
    b" a \n": [" a "],
    b'{"b":[1,null],"a":1.5}\n': [{"b": [1, None], "a": 1.5}],
    b'{"a":1\n}\n': ['{"a":1', "}"],
    b'"a"\n': ["a"],
    b"'a'\n": ["'a'"],
    b"null\ntrue\n": [None, True],
    b"True\nNaN\nInfinity\n1e999\n01\n": ["True", "NaN", "Infinity", "1e999", "01"],
    b"1 2\n": ["1 2"],
    b"123456789012345678901234567890\n": [123456789012345678901234567890],
    "ä🎵\u2028".encode(): ["ä🎵\u2028"],
    b"\xff\xc3\n": ["\ufffd\ufffd"],
    b'"\xff"\n': ['"\ufffd"'],
    b'"\\ud800"\n': ['"\\ud800"'],
    b"\0\x1b[0m\n": ["\0\x1b[0m"],
    b'{"stream":1}\n{"result":2}\n': [{"stream": 1}, {"result": 2}],
    b"[1,\r2]\n": [[1, 2]],
    b"\xef\xbb\xbf1\n": ["\ufeff1"],
}


@pytest.mark.parametrize("text", LINES)
def test_a_line_is_its_value_or_itself(text: bytes) -> None:
    """A program need not know of JSON, and what is nearly JSON is text."""
    assert packets(an_output(), text) == LINES[text]


@given(TEXTS, st.sets(st.integers(0, 200)), st.sampled_from(ResultMode))
def test_any_cut_gives_the_same(data: bytes, at: set[int], mode: ResultMode) -> None:
    """A pipe hands over what there is, not what was written."""
    whole, pieces = an_output(mode, most=40), an_output(mode, most=40)

    assert said(pieces, *cut(data, at)) == said(whole, data)
    assert pieces.take_result() == whole.take_result()
    assert pieces.is_overflown == whole.is_overflown


@given(TEXTS)
def test_whatever_is_written_is_whole_lines(data: bytes) -> None:
    """No byte of a program can end a line of ours, or begin one."""
    lines = said(an_output(), data)

    assert lines.count(b"\n") == len(lines.splitlines())
    assert b"\r" not in lines
    assert all(line.startswith(b'{"stream":') for line in lines.splitlines())


@given(VALUES)
def test_a_value_passes_unharmed(value: Any) -> None:
    """Integers exact, keys in their order: as it is from Python procedures."""
    assert as_json(encode(value)) == encode(value)
    assert decode(as_json(encode(value) + b"\r")) == value


def test_a_value_is_as_deep_as_a_packet_may_be() -> None:
    """One deeper the dispatcher would refuse the line, and end the call."""
    deep = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)

    assert as_json(deep) == deep
    assert as_json(b"[%b]" % deep) == b'"[%b]"' % deep


@pytest.mark.parametrize(
    ("text", "streamed", "result"),
    [
        (b"", [], None),
        (b"1", [], 1),
        (b"1\n", [], 1),
        (b"1\n2\n[3]\n", [1, 2], [3]),
        (b"1\n2\nx", [1, 2], "x"),
        (b"1\n\n", [1], ""),
        (b"null\n", [], None),
    ],
)
def test_the_last_line_is_the_result(
    text: bytes, streamed: list[Any], result: Any
) -> None:
    """And no packet: whoever follows would have it twice."""
    output = an_output(ResultMode.LAST_LINE)

    assert packets(output, text) == streamed
    assert decode(output.take_result()) == result


def test_the_last_line_is_a_packet_where_there_is_no_result() -> None:
    """A program that failed said it nevertheless, once."""
    output = an_output(ResultMode.LAST_LINE)
    said(output, b"1\n2\n")

    assert output.release() == b'{"stream":2}\n'
    assert output.release() == b""
    assert output.take_result() == b"null"


@pytest.mark.parametrize("mode", ResultMode)
def test_what_does_not_stream_says_nothing(mode: ResultMode) -> None:
    """But the last line is a result all the same."""
    output = an_output(mode, streams=False)

    assert packets(output, b"1\n2\n3") == []
    assert output.release() == b""
    output.receive(b"4\n")
    assert output.take_result() == (b"4" if mode is ResultMode.LAST_LINE else b"null")


def test_a_line_may_be_as_long_as_its_packet_may() -> None:
    """The bound is on the line of the wire, which is what the dispatcher counts."""
    room = MAX_BYTES - len(b'{"stream":""}\n')
    longest = b"x" * room
    fits, too_long = an_output(), an_output()

    assert said(fits, longest) == b'{"stream":"%b"}\n' % longest
    assert not fits.is_overflown
    assert said(too_long, longest + b"x\n1\n") == b'{"stream":1}\n'
    assert too_long.is_overflown


@pytest.mark.parametrize("end", [b"", b"\n", b"\n1\n"])
def test_a_line_that_never_ends_overflows(end: bytes) -> None:
    """And is not kept: a program may write for ever."""
    output = an_output()
    pieces = [b"1\n", *[b"x" * 100] * 11, end, b"2\n"]

    assert packets(output, *pieces) == [1]
    assert output.is_overflown


def test_a_line_that_grows_as_json_overflows() -> None:
    """Control characters are six bytes each on the wire."""
    output = an_output()

    assert said(output, b"\1" * 200) == b""
    assert output.is_overflown


def test_the_unfinished_line_is_measured() -> None:
    """Whoever parses it later does so in a thread if it is long."""
    output = an_output()

    seen = []
    for piece in (b"12", b"34", b"5\n6", b"\n", b"7\n8\n99"):
        output.receive(piece)
        seen.append(output.pending_bytes)

    assert seen == [2, 4, 1, 0, 2]


def tail(*pieces: bytes) -> tuple[list[str], list[str]]:
    """Return the lines as they came, and the last ones as they are told."""
    kept = Tail()
    lines = [line for piece in pieces for line in kept.receive(piece)]
    lines += kept.receive_eof()
    return lines, kept.lines


def test_the_last_lines_are_kept() -> None:
    """Twenty are enough for a traceback; all of them came by for the log."""
    lines, last = tail(b"".join(b"%d\n" % n for n in range(30)) + b"end")

    assert lines == [*map(str, range(30)), "end"]
    assert last == [*map(str, range(11, 30)), "end"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\n\nb", ["a", "", "b"]),
        (b"\xffa\n", ["\ufffda"]),
        (b"x" * 1000 + b"\n", ["x" * 1000]),
        (b"x" * 1001 + b"\ny", ["x" * 1000, "x", "y"]),
        (b"x" * 2000, ["x" * 1000] * 2),
    ],
)
@pytest.mark.parametrize("make", [lambda text: [text], lambda text: cut(text, {1000})])
def test_a_long_line_comes_in_pieces(
    text: bytes, lines: list[str], make: Callable[[bytes], list[bytes]]
) -> None:
    """A program that writes no line end does not fill the memory or the log."""
    assert tail(*make(text)) == (lines, lines)


@given(
    st.lists(st.sampled_from([b"\n", b"x" * 999, b"y", b"\xc3\xa4"])).map(b"".join),
    st.sets(st.integers(0, 10_000)),
)
def test_any_cut_gives_the_same_lines_of_stderr(data: bytes, at: set[int]) -> None:
    """What is told of a failure must not depend on the machine's mood."""
    assert tail(*cut(data, at)) == tail(data)
