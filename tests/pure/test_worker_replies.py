"""What a call's process wrote, made into what its dispatcher is told."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.worker.relay import Pace, Replies

ACK = b'{"harp":1,"stream_result":true}\n'
TOLD = b'{"exception":{"type":"ProcessKilled","message":"m"}}\n'
ENDINGS = (
    b'{"result":1}\n',
    b'{"exception":{"type":"E","message":"m"}}\n',
    b'{"harp":1,"error":{"type":"t","message":"m"}}\n',
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_is_kept_until_all_is_over(ending: bytes) -> None:
    """The dispatcher hears it when nothing of the call is left."""
    replies = Replies(100)

    assert replies.receive(ACK) == ACK
    assert replies.receive(b'{"stream":1}\n' + ending) == b'{"stream":1}\n'
    assert replies.receive(b"rubbish behind it\n") == b""
    assert replies.finish(b"") == ending


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_said_at_once_is_sent_at_once(ending: bytes) -> None:
    """Each send wakes the dispatcher: most calls are short."""
    replies = Replies(100)

    assert replies.receive(ACK + b'{"stream":1}\n' + ending) == b""
    assert replies.receive(b"rubbish behind it\n") == b""
    assert replies.finish(TOLD) == ACK + b'{"stream":1}\n' + ending


def test_a_process_that_died_has_an_end_too() -> None:
    """Half a line is dropped, so that the supervisor's is a line of its own."""
    replies = Replies(100)

    assert replies.receive(ACK + b'{"stream":1}\n{"stre') == ACK + b'{"stream":1}\n'
    assert replies.finish(TOLD) == TOLD


def test_a_process_that_never_spoke_is_acknowledged_for() -> None:
    """An exception may only follow an acknowledgement."""
    assert Replies(100).finish(TOLD) == b'{"harp":1,"stream_result":false}\n' + TOLD
    assert b"ended without a result" in Replies(100).finish(b"")


def test_an_end_is_found_even_if_nobody_told_one() -> None:
    """The supervisor may have been killed, and the process have closed its pipe."""
    replies = Replies(100)
    replies.receive(ACK)

    assert b"ended without a result" in replies.finish(b"")


def test_a_line_without_end_is_bounded() -> None:
    """A process that writes to its pipe by itself must not fill our memory."""
    replies = Replies(100)

    replies.receive(b"x" * 100)
    assert not replies.is_overflown
    replies.receive(b"x")
    assert replies.is_overflown


@given(st.lists(st.integers(0, 150), max_size=6), st.sampled_from(ENDINGS))
def test_any_cut_gives_the_same_lines(cuts: list[int], ending: bytes) -> None:
    """How the pipe cuts changes nothing."""
    said = ACK + b'{"stream":"abc"}\n' * 3
    written = said + ending
    places = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    replies = Replies(100)

    sent = b"".join(
        replies.receive(written[start:stop])
        for start, stop in itertools.pairwise(places)
    )

    assert sent + replies.finish(b"") == written


def test_a_call_that_says_little_never_waits() -> None:
    """Acknowledgement, a few packets and the result follow each other closely."""
    pace = Pace()

    assert not any(pace.pause_s(number / 1000, 20) for number in range(5))


def test_a_burst_of_small_writes_is_read_in_lots() -> None:
    """Each send costs more than its bytes."""
    pace = Pace()
    for number in range(5):
        pace.pause_s(number / 1000, 20)

    assert pace.pause_s(0.006, 20) > 0
    assert pace.pause_s(0.008, 20) > 0
    assert pace.pause_s(0.010, 60_000) == 0  # the pipe is full: the process waits
    assert pace.pause_s(9, 20) == 0
