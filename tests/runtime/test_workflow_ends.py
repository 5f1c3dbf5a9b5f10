"""How parents end that nobody lets end by themselves; their children with them."""

from __future__ import annotations

import pytest
import trio
from families import (
    EPOCH_S,
    GRACE_S,
    PARENT,
    Table,
    World,
    a_sleep,
    a_submit,
    ticks,
)
from refusing_store import RefusingStore
from scripted_runner import DONE, QUEUE
from trio.testing import MockClock

from harpcaller.adapters.machine import (
    Cancel,
    Cancelled,
    End,
    Ended,
    Reason,
    Slept,
)
from harpcaller.runners.workflow import ANOTHER_VERSION
from harpcaller.store import Full, Unavailable
from protocol import outcome as ends
from protocol.errors import ErrorType
from protocol.job import State
from protocol.jsontext import encode
from protocol.outcome import Failed, Outcome

HOUR_S = 3600


async def test_a_log_that_the_machine_did_not_cause_ends_the_parent(
    autojump_clock: MockClock,
) -> None:
    """Another version wrote it: going on would do things that nobody asked for."""
    tables = iter(
        [
            Table([a_sleep("old"), a_submit("a", "hang")], {}),
            Table([a_sleep("new"), a_submit("a", "hang")], {}),
        ]
    )
    world = World(lambda: next(tables))
    async with world.life():
        await trio.sleep(5)

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == ANOTHER_VERSION

    assert [child.state for child in await world.children()] == [State.ENDED]


async def test_a_cancel_gives_the_machine_time_to_end(
    autojump_clock: MockClock,
) -> None:
    """It is answered at once, and holds whatever the machine says in the end."""
    world = World(
        lambda: Table(
            [a_submit("a", "hang"), a_sleep("s", HOUR_S)],
            {"a": [a_submit("b"), a_sleep("t", 5)], "t": [End(DONE)]},
            [Cancel(key="a"), Cancel(key="s")],
        )
    )
    async with world.life() as dispatcher:
        await trio.sleep(5)
        assert await dispatcher.cancel(PARENT)
        assert trio.current_time() == 5

        assert await world.outcome(dispatcher) == ends.Cancelled()
        assert trio.current_time() == 10
        assert not await dispatcher.cancel(PARENT)

    first, second, third, fourth = world.told()
    assert first == Cancelled(at=EPOCH_S + 5, reason=Reason.CLIENT)
    assert isinstance(second, Ended)
    assert isinstance(third, Ended)
    assert (second.outcome, third.outcome) == (ends.Cancelled(), ends.Cancelled())
    assert third.started_at is None  # nothing is submitted from then on
    assert fourth == Slept(key="t", at=EPOCH_S + 10)
    assert len(await world.children()) == 1


async def test_a_machine_that_does_not_end_is_ended(autojump_clock: MockClock) -> None:
    """And all children with it."""
    world = World(
        lambda: Table([a_submit("a", "hang"), a_submit("b", "nap", queue=QUEUE)])
    )
    async with world.life() as dispatcher:
        await trio.sleep(5)
        await dispatcher.cancel(PARENT)

        assert await world.outcome(dispatcher) == ends.Cancelled()
        assert trio.current_time() == 5 + GRACE_S
        states = {child.state for child in await world.children()}
        assert states == {State.ENDED}


async def test_a_cancel_is_kept_through_a_crash(autojump_clock: MockClock) -> None:
    """True was told; the machine of the next life hears of it, once."""
    world = World(
        lambda: Table(
            [a_submit("a", "hang"), a_submit("b", "hang", queue=QUEUE)],
            {},
            [a_sleep("s", 10)],
        )
    )
    async with world.life() as dispatcher:
        await trio.sleep(5)
        await dispatcher.cancel(PARENT)
        await ticks(20)

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == ends.Cancelled()

    cancels = [event for event in world.told() if isinstance(event, Cancelled)]
    assert len(cancels) == 1
    states = {child.state for child in await world.children()}
    assert states == {State.ENDED}


async def test_a_cancel_of_a_parent_that_was_left_holds_at_the_next_start(
    autojump_clock: MockClock,
) -> None:
    """Its children are not left behind."""
    world = World(
        lambda: Table([a_submit("a", "hang")], {}, [Cancel(key="a"), End(DONE)])
    )
    async with world.life() as dispatcher:
        await trio.sleep(5)
        await dispatcher.stop(0)
        assert await dispatcher.cancel(PARENT)
        assert (await world.parent()).outcome is None

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == ends.Cancelled()


@pytest.mark.parametrize("says", [DONE, None])
async def test_max_exec_time_counts_from_the_first_start(
    says: Outcome | None, autojump_clock: MockClock
) -> None:
    """After a limit the machine's own End holds, if it comes in time."""
    world = World(
        lambda: Table(
            [a_submit("a", "hang"), a_sleep("s", HOUR_S)],
            {},
            [] if says is None else [End(says)],
        ),
        max_exec_s=100,
    )
    async with world.life():
        await trio.sleep(60)

    async with world.life() as dispatcher:
        outcome = await world.outcome(dispatcher)

    if says is None:
        assert trio.current_time() == 100 + GRACE_S
        assert isinstance(outcome, Failed)
        assert outcome.type == ErrorType.TIMEOUT
        assert outcome.data == encode({"limit": "max_exec_time"})
    else:
        assert trio.current_time() == 100
        assert outcome == says


async def test_a_parent_may_be_silent_for_longer_than_any_timeout(
    autojump_clock: MockClock,
) -> None:
    """Only its children have one."""
    world = World(lambda: Table([a_sleep("s", 80000)], {"s": [End(DONE)]}))

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE


async def test_a_bug_of_a_machine_ends_the_parent_and_its_children(
    autojump_clock: MockClock,
) -> None:
    """Nothing goes on that nobody would end."""
    world = World(
        lambda: Table(
            [a_submit("a", "hang"), a_sleep("s")], {"s": [a_submit("a", "hang")]}
        )
    )
    async with world.life() as dispatcher:
        outcome = await world.outcome(dispatcher)

        assert isinstance(outcome, Failed)
        assert outcome.data == encode({"code": "internal"})
        assert {child.state for child in await world.children()} == {State.ENDED}


async def test_a_full_disk_ends_the_parent_and_its_children(
    autojump_clock: MockClock,
) -> None:
    """An event that cannot be kept cannot be told."""
    store = RefusingStore(packets=[Full("the disk is full")])
    world = World(lambda: Table([a_submit("a", "hang"), a_sleep("s")]), store=store)

    async with world.life() as dispatcher:
        outcome = await world.outcome(dispatcher)

        assert isinstance(outcome, Failed)
        assert outcome.data == encode({"code": "storage"})
        assert world.told() == []
        assert {child.state for child in await world.children()} == {State.ENDED}


async def test_a_child_that_is_given_up_before_the_store_takes_it_does_not_run(
    autojump_clock: MockClock,
) -> None:
    """The cancel finds nothing, and the submit comes behind it."""
    store = RefusingStore(children=[Unavailable("busy")] * 6)  # for 1.55 s
    world = World(
        lambda: Table(
            [a_submit("a", "hang"), a_sleep("s")],
            {"s": [Cancel(key="a")], "a": [End(DONE)]},
        ),
        store=store,
    )

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE
        assert trio.current_time() < 3

    _, ended = world.told()
    assert isinstance(ended, Ended)
    assert ended.outcome == ends.Cancelled()


async def test_a_disk_that_is_full_for_a_child_refuses_it(
    autojump_clock: MockClock,
) -> None:
    """Whether to try later is the machine's affair."""
    store = RefusingStore(children=[Full("the disk is full")])
    world = World(lambda: Table([a_submit("a")], {"a": [End(DONE)]}), store=store)

    async with world.life() as dispatcher:
        assert await world.outcome(dispatcher) == DONE

    [ended] = world.told()
    assert isinstance(ended, Ended)
    assert isinstance(ended.outcome, Failed)
    assert ended.outcome.type == ErrorType.STORAGE_FULL
