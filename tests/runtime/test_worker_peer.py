"""How a worker listens to its dispatcher while a call runs."""

from __future__ import annotations

import trio
from trio.testing import MockClock, memory_stream_pair

from harpcaller.worker.peer import Peer
from protocol.harp import HEARTBEAT, HEARTBEAT_S, SILENCE_S


async def test_silence_is_the_end_where_heartbeats_were_agreed_on(
    autojump_clock: MockClock,
) -> None:
    """A call whose dispatcher lost its power must not run for ever."""
    ours, theirs = memory_stream_pair()
    peer = Peer(ours, max_line_bytes=100, is_kept=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.wait_gone)
        for _ in range(10):
            await theirs.send_all(HEARTBEAT)
            await trio.sleep(HEARTBEAT_S)

    assert trio.current_time() == 9 * HEARTBEAT_S + SILENCE_S


async def test_silence_is_no_end_without_heartbeats(autojump_clock: MockClock) -> None:
    """A dispatcher of the original says nothing until it closes."""
    ours, theirs = memory_stream_pair()
    peer = Peer(ours, max_line_bytes=100, is_kept=False)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.wait_gone)
        await theirs.send_all(b"whatever\nit says\nis ignored\n")
        await trio.sleep(80_000)
        await theirs.aclose()

    assert trio.current_time() == 80_000


async def test_a_flood_of_requests_is_the_end() -> None:
    """One call after the other: nobody queues requests in our memory."""
    ours, theirs = memory_stream_pair()
    peer = Peer(ours, max_line_bytes=100, is_kept=True)

    await theirs.send_all(b"one\n\ntwo\nthree\n")
    with trio.fail_after(1):
        await peer.wait_gone()


async def test_a_line_too_long_is_the_end() -> None:
    """What comes while a call runs is bounded, too."""
    ours, theirs = memory_stream_pair()
    peer = Peer(ours, max_line_bytes=100, is_kept=False)

    await theirs.send_all(b"x" * 101)
    with trio.fail_after(1):
        await peer.wait_gone()

    assert peer.is_overflown


async def test_lines_come_in_order_without_heartbeats() -> None:
    """What came early is served when its turn is."""
    ours, theirs = memory_stream_pair()
    peer = Peer(ours, max_line_bytes=100, is_kept=True)

    await theirs.send_all(b"one\r\n" + HEARTBEAT + b"two\n" + b"half")
    await theirs.aclose()

    assert await peer.receive_line() == b"one"
    assert await peer.receive_line() == b"two"
    assert await peer.receive_line() is None
