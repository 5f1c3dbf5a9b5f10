"""Random machines through random ends of their dispatchers."""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeAlias

import attrs
import pytest
import trio
from families import HANG_S, PARENT, MemoryTransfers, World, ticks
from graphs import DOCUMENT, Graph, GraphMachine, Node, graphs, notes_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_runner import DONE, ScriptedRunner
from torment import campaign
from trio.testing import MockClock

from harpcaller.adapters.machine import Submit, child_id
from harpcaller.adapters.packets import event_packet, is_event
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.runners import Progress
from protocol.errors import ErrorType
from protocol.job import State
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

DeathKind: TypeAlias = Literal["crash", "stop", "hurried stop"]
MOST_TICKS = 40  # more than there are from an answer to what follows from it
SECONDS = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]


@attrs.frozen(kw_only=True)
class Life:
    """How long a dispatcher lives, and what happens then."""

    seconds: float
    ticks: int
    end: DeathKind = "crash"
    cancels: bool = False


LIVES = st.builds(
    Life,
    seconds=st.sampled_from(SECONDS),
    ticks=st.integers(0, MOST_TICKS),
    end=st.sampled_from(["crash", "crash", "stop", "hurried stop"]),
    cancels=st.sampled_from([False, False, False, True]),
)


async def quick(progress: Progress) -> Outcome:
    """Return at once."""
    progress.connected()
    await trio.lowlevel.checkpoint()
    return DONE


async def fail(progress: Progress) -> Outcome:
    """Raise, after a while."""
    await trio.sleep(0.5)
    return Raised(type="Error", message="as it should")


def a_world(graph: Graph, max_exec_s: float = 86400) -> World:
    """Return a world whose machines walk `graph`."""
    return World(
        lambda: GraphMachine(graph),
        ScriptedRunner(quick=quick, fail=fail),
        MemoryTransfers({DOCUMENT: b"document"}, seconds=0.5),
        max_exec_s=max_exec_s,
    )


async def live_through(world: World, lives: list[Life]) -> bool:
    """Let one dispatcher after the other die, and the last one end the parent.

    Return whether a cancel was answered with True.
    """
    was_cancelled = False
    for life in lives:
        async with world.life() as dispatcher:
            await trio.sleep(life.seconds)
            await ticks(life.ticks)
            if life.cancels:
                was_cancelled |= await dispatcher.cancel(PARENT)
                await ticks(life.ticks)
            await _die(dispatcher, life.end)
    async with world.life() as dispatcher:
        await world.outcome(dispatcher)
        assert {child.state for child in await world.children()} <= {State.ENDED}
    return was_cancelled


async def _die(dispatcher: Dispatcher, end: DeathKind) -> None:
    if end != "crash":
        await dispatcher.stop(2 if end == "stop" else 0)


async def check(world: World, *, was_cancelled: bool) -> None:
    """Hold the driver to all that it promises."""
    machines = [m for m in world.machines if isinstance(m, GraphMachine)]
    last = machines[-1]
    for earlier in machines:
        assert last.trace[: len(earlier.trace)] == earlier.trace
    assert max(Counter(world.workers.started).values(), default=1) == 1
    submitted = {child_id(PARENT, a.key) for a in last.asked if isinstance(a, Submit)}
    assert {child.job_id for child in await world.children()} <= submitted
    assert await world.notes() == notes_of(last.asked)
    events = [packet for packet in await world.log() if is_event(packet)]
    told = [event_packet(event) for event in last.told]
    assert events[: len(told)] == told
    assert len(events) <= len(told) + (last.end is None)
    _check_outcome((await world.parent()).outcome, last.end, was_cancelled)


def _check_outcome(
    outcome: Outcome | None, end: Outcome | None, was_cancelled: bool
) -> None:
    if was_cancelled:
        assert outcome == Cancelled()
    elif end is None:  # it was ended, for it did not do so in time
        assert isinstance(outcome, Failed)
        assert outcome.type == ErrorType.TIMEOUT
    else:
        assert isinstance(outcome, Returned)
        assert outcome == end


def run(graph: Graph, lives: list[Life], max_exec_s: float = 86400) -> None:
    """Live through it all, and check; nothing may hang."""

    async def main() -> None:
        world = a_world(graph, max_exec_s)
        with trio.fail_after(HANG_S):
            was_cancelled = await live_through(world, lives)
        await check(world, was_cancelled=was_cancelled)

    trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@settings(
    max_examples=campaign(4000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    graph=graphs(),
    lives=st.lists(LIVES, max_size=4),
    max_exec_s=st.sampled_from([86400, 86400, 86400, 5]),
)
def test_a_machine_goes_on_as_if_nothing_had_happened(
    graph: Graph, lives: list[Life], max_exec_s: float
) -> None:
    """Whatever it decides, and whenever and however its dispatchers end."""
    run(graph, lives, max_exec_s)


BUSY = Graph(
    nodes=(
        Node(kind="nap", if_good=(2, 3), if_bad=(6,), notes=2),
        Node(kind="fetch", if_good=(4,), notes=1, gives_up=(5,)),
        Node(kind="waiting", if_good=(7,), notes=1),
        Node(kind="waiting", notes=2, gives_up=(7,)),
        Node(kind="quick", if_good=(8,), notes=1),
        Node(kind="sleep", notes=1),
        Node(kind="save", notes=1),
        Node(kind="sleep", notes=1),
        Node(kind="fail", if_bad=(6,), notes=1),
    ),
    begins=(0, 1, 5),
    manner="orderly",
)
STEPS = [(seconds, count) for seconds in SECONDS for count in range(MOST_TICKS)]


def part(all_steps: list[tuple[float, int]], offset: int) -> list[tuple[float, int]]:
    """Return a tenth of the steps, or all of them in a campaign."""
    return all_steps[offset :: max(1, len(all_steps) // campaign(len(all_steps)))]


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("end", "cancels"),
    [("crash", False), ("stop", False), ("crash", True), ("hurried stop", True)],
)
def test_a_machine_survives_an_end_at_every_step(end: DeathKind, cancels: bool) -> None:
    """Twice at the same step: the second time while it replays or has just done so."""
    for seconds, count in part(STEPS, offset=3):
        first = Life(seconds=seconds, ticks=count, end=end, cancels=cancels)
        again = Life(seconds=0, ticks=count, end=end)

        run(BUSY, [first, again])
