"""A change that is under way, and those who wait for it."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from harpcaller.store.write import Write


async def test_a_write_may_be_awaited_before_and_after_it_is_done() -> None:
    """By several: a duplicate and its original wait for the same."""
    write: Write[int] = Write()
    found: list[int] = []

    async def wait() -> None:
        found.append(await write)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not write.is_done
        write.succeed(7)

    assert (found, await write, write.is_done) == ([7, 7], 7, True)


async def test_callbacks_come_before_those_who_wait() -> None:
    """What a commit means for others is in order when the caller goes on."""
    write: Write[int] = Write()
    order: list[str] = []

    async def wait() -> None:
        await write
        order.append("waiter")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        write.when_done(lambda done: order.append(f"callback {done.result()}"))
        write.succeed(7)

    write.when_done(lambda done: order.append("late"))
    assert order == ["callback 7", "waiter", "late"]


async def test_a_failed_write_fails_for_everybody() -> None:
    """Each who asks is told the reason."""
    write: Write[int] = Write()
    write.fail(ValueError("no"))

    assert isinstance(write.error, ValueError)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await write


async def test_who_stops_waiting_does_not_stop_the_write() -> None:
    """P8: a client that goes away never undoes what it asked for."""
    write: Write[int] = Write()
    with trio.move_on_after(0):
        await write

    write.succeed(7)

    assert await write == 7


async def test_a_write_passes_on_what_it_decides() -> None:
    """A cancel is answered when the end that it chose is durable, or could not be."""
    kept: Write[None] = Write()
    lost: Write[None] = Write()
    answers: list[Write[bool]] = [Write(), Write()]
    kept.pass_on(answers[0], result=True)
    lost.pass_on(answers[1], result=True)

    kept.succeed(None)
    lost.fail(ValueError("no"))

    assert await answers[0] is True
    assert isinstance(answers[1].error, ValueError)
