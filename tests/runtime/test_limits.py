"""How long a call may take: silence, the whole of it, the way to the worker."""

from __future__ import annotations

import pytest
import trio
from dispatching import Ending, a_dispatcher, run_to_end
from scripted_runner import (
    DONE,
    QUEUE,
    Procedure,
    ScriptedRunner,
    a_call,
    never_connect,
    sleeping,
    streaming,
)
from trio.testing import MockClock

from harpcaller.dispatch.limits import Limits
from harpcaller.runners import Progress
from protocol.errors import ErrorType
from protocol.jsontext import JsonText, encode
from protocol.outcome import Failed, Outcome

FOR_EVER = 10**6


async def run(
    procedure: Procedure,
    *,
    limits: Limits | None = None,
    timeout_s: float | None = None,
    max_exec_s: float | None = None,
) -> Ending:
    """Return what came of a call; the clock shows when."""
    call = a_call("p", timeout_s=timeout_s, max_exec_s=max_exec_s)
    async with a_dispatcher(ScriptedRunner(p=procedure), limits=limits) as dispatcher:
        return await run_to_end(dispatcher, call)


def limit_of(outcome: Outcome) -> JsonText | None:
    """Return what a limit that was hit says of itself."""
    assert isinstance(outcome, Failed)
    assert outcome.type == ErrorType.TIMEOUT
    return outcome.data


async def test_each_packet_renews_the_wait(autojump_clock: MockClock) -> None:
    """`timeout` counts from the last packet, not from the start."""
    ending = await run(streaming(packets=5, gap_s=9), timeout_s=10)

    assert ending.outcome == DONE
    assert len(ending.packets) == 5
    assert trio.current_time() == 6 * 9


async def test_silence_ends_a_call(autojump_clock: MockClock) -> None:
    """The limit is exact, tells which one it was, and takes back no packet."""

    async def pause(progress: Progress) -> Outcome:
        await streaming(packets=2, gap_s=3)(progress)
        return await sleeping(FOR_EVER)(progress)

    ending = await run(pause, timeout_s=5)

    assert limit_of(ending.outcome) == encode({"limit": "timeout"})
    assert len(ending.packets) == 2
    assert trio.current_time() == 3 * 3 + 5


async def test_a_busy_stream_meets_the_limit_of_the_whole(
    autojump_clock: MockClock,
) -> None:
    """The original looked at limits after a silence only."""
    ending = await run(streaming(packets=1000, gap_s=1), max_exec_s=20.5)

    assert limit_of(ending.outcome) == encode({"limit": "max_exec_time"})
    assert len(ending.packets) == 20
    assert trio.current_time() == 20.5


async def test_connecting_is_part_of_the_silence(autojump_clock: MockClock) -> None:
    """Nobody was there: that is an error of the network, not of the worker."""
    ending = await run(never_connect, timeout_s=7)

    assert isinstance(ending.outcome, Failed)
    assert ending.outcome.type == ErrorType.NETWORK_ERROR
    assert ending.outcome.data == encode({"code": "timedout"})
    assert trio.current_time() == 7


async def test_no_connection_is_the_networks_error_whichever_limit_it_met(
    autojump_clock: MockClock,
) -> None:
    """`timeout` is silence after connecting; a clamped one meets both at once."""
    ending = await run(never_connect, timeout_s=100, max_exec_s=4)

    assert isinstance(ending.outcome, Failed)
    assert ending.outcome.type == ErrorType.NETWORK_ERROR
    assert trio.current_time() == 4


async def test_being_connected_begins_the_silence_anew(
    autojump_clock: MockClock,
) -> None:
    """A slow handshake takes nothing from the worker's time."""

    async def connect_late(progress: Progress) -> Outcome:
        await trio.sleep(9)
        return await sleeping(9)(progress)

    assert (await run(connect_late, timeout_s=10)).outcome == DONE
    assert trio.current_time() == 18


@pytest.mark.parametrize(
    ("call", "ends_at"),
    [
        ({}, 60),
        ({"timeout_s": 70}, 70),
        ({"timeout_s": 1000}, 100),
        ({"max_exec_s": 30}, 30),
        ({"max_exec_s": 1000}, 60),
    ],
)
async def test_a_call_is_held_to_what_is_configured(
    call: dict[str, float], ends_at: float, autojump_clock: MockClock
) -> None:
    """What a client asks for is clamped, what he does not ask for is given."""
    limits = Limits(default_timeout_s=60, max_exec_s=100)

    ending = await run(sleeping(FOR_EVER), limits=limits, **call)

    assert isinstance(ending.outcome, Failed)
    assert trio.current_time() == ends_at


async def test_waiting_in_a_queue_counts_for_no_limit(
    autojump_clock: MockClock,
) -> None:
    """A queue may be long; the limits say how long a call may run."""
    runner = ScriptedRunner(first=sleeping(500), second=sleeping(FOR_EVER))
    async with a_dispatcher(runner) as dispatcher:
        await dispatcher.submit(a_call("first", queue=QUEUE))
        second = a_call("second", queue=QUEUE, timeout_s=10, max_exec_s=20)

        ending = await run_to_end(dispatcher, second)

    assert limit_of(ending.outcome) == encode({"limit": "timeout"})
    assert trio.current_time() == 510
