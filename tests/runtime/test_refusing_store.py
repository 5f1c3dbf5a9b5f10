"""What becomes of jobs while the store refuses their packets and their ends."""

from __future__ import annotations

import pytest
import trio
from dispatching import a_dispatcher, run_to_end
from refusing_store import RefusingStore
from scripted_runner import DONE, QUEUE, ScriptedRunner, a_call, streaming
from trio.testing import MockClock

from harpcaller.dispatch.ids import new_job_id
from harpcaller.runners import Progress
from harpcaller.store import Full, Lost, NewJob, StoreError, Unavailable
from protocol.jsontext import decode, encode
from protocol.outcome import Cancelled, Failed, Outcome

BUSY = Unavailable("a stranger holds the lock")
FULL = Full("the disk is full")


def is_storage_failure(outcome: Outcome) -> bool:
    """Tell whether that is how a job ends whose packets could not be kept."""
    return (
        isinstance(outcome, Failed)
        and outcome.type == "os_error"
        and outcome.data is not None
        and decode(outcome.data) == {"code": "storage"}
    )


@pytest.mark.parametrize("refusal", [BUSY, FULL])
async def test_an_end_that_is_refused_is_kept_later(
    autojump_clock: MockClock, refusal: StoreError
) -> None:
    """Else the job would run for ever, and its queue stand still."""
    store = RefusingStore(ends=[refusal] * 5)
    async with a_dispatcher(ScriptedRunner(), store=store) as dispatcher:
        first = await dispatcher.submit(a_call("nap", queue=QUEUE))
        endings = [
            await run_to_end(dispatcher, a_call("nap", queue=QUEUE)),
            await dispatcher.store.get(first.job_id),
        ]

    assert [ending and ending.outcome for ending in endings] == [DONE, DONE]
    assert 2 < trio.current_time() < 5


async def test_a_cancel_is_true_once_it_is_kept(autojump_clock: MockClock) -> None:
    """And by then everybody hears the same."""
    store = RefusingStore(ends=[BUSY] * 3)
    async with a_dispatcher(ScriptedRunner(), store=store) as dispatcher:
        job_id = (await dispatcher.submit(a_call("hang"))).job_id
        await trio.sleep(1)

        answers = [await dispatcher.cancel(job_id) for _ in range(2)]
        record = await dispatcher.store.get(job_id)

    assert answers == [True, False]
    assert record is not None
    assert record.outcome == Cancelled()


@pytest.mark.parametrize("refusals", [1, 3])
async def test_packets_that_are_refused_for_now_are_kept_later(
    autojump_clock: MockClock, refusals: int
) -> None:
    """With the next ones, or with the end."""
    store = RefusingStore(packets=[BUSY] * refusals)
    runner = ScriptedRunner(stream=streaming(3, 1))
    async with a_dispatcher(runner, store=store) as dispatcher:
        ending = await run_to_end(dispatcher, a_call("stream"))

    assert ending.packets == (encode(0), encode(1), encode(2))
    assert ending.outcome == DONE


async def test_a_flood_that_is_refused_waits(autojump_clock: MockClock) -> None:
    """The store's trouble must not become the memory's."""
    store = RefusingStore(packets=[BUSY] * 20)
    sent_at: list[float] = []

    async def flood(progress: Progress) -> Outcome:
        progress.connected()
        for _ in range(4):
            await progress.emit([encode("x" * 100_000)])
            sent_at.append(trio.current_time())
        return DONE

    runner = ScriptedRunner(flood=flood)
    async with a_dispatcher(runner, store=store) as dispatcher:
        ending = await run_to_end(dispatcher, a_call("flood"))

    assert sent_at[0] > 0.5
    assert len(ending.packets) == 4
    assert ending.outcome == DONE


async def test_a_stream_that_lost_packets_is_no_success(
    autojump_clock: MockClock,
) -> None:
    """Its readers cannot see otherwise that it is not whole."""
    store = RefusingStore(packets=[FULL])

    async def hasty(progress: Progress) -> Outcome:
        progress.connected()
        await progress.emit([encode(0)])
        return DONE

    runner = ScriptedRunner(hasty=hasty)
    async with a_dispatcher(runner, store=store) as dispatcher:
        ending = await run_to_end(dispatcher, a_call("hasty"))

    assert ending.packets == ()
    assert is_storage_failure(ending.outcome)


async def test_the_last_packets_may_not_fit(autojump_clock: MockClock) -> None:
    """The end does, and says so; who follows is not told what is not kept."""
    store = RefusingStore(packets=[BUSY], ends=[FULL])
    runner = ScriptedRunner(stream=streaming(1, 1))
    async with a_dispatcher(runner, store=store) as dispatcher:
        ending = await run_to_end(dispatcher, a_call("stream"))

    assert ending.packets == ()
    assert is_storage_failure(ending.outcome)


async def test_a_lost_store_is_not_asked_again(autojump_clock: MockClock) -> None:
    """The daemon is about to stop; recovery ends the job."""
    store = RefusingStore(ends=[Lost("the disk broke")])
    async with a_dispatcher(ScriptedRunner(), store=store) as dispatcher:
        job_id = (await dispatcher.submit(a_call("nap"))).job_id
        await trio.sleep(10)

        assert dispatcher.running_count == 0
        record = await dispatcher.store.get(job_id)

    assert record is not None
    assert record.outcome is None


async def test_what_waits_at_a_start_is_started_once_the_store_answers(
    autojump_clock: MockClock,
) -> None:
    """A backup tool may hold the lock in just that instant: no reason to give up."""
    store = RefusingStore(takes=[BUSY] * 3)
    await store.open("before", 0, 10)
    job = NewJob(job_id=new_job_id(0), call=a_call("nap"), timeout_s=9, max_exec_s=9)
    await store.submit(job)
    async with a_dispatcher(ScriptedRunner(), store=store) as dispatcher:
        await dispatcher.take_surely()
        await trio.sleep(2)

        ended = await store.get(job.job_id)

    assert ended is not None
    assert ended.outcome == DONE


async def test_nothing_is_started_from_a_lost_store(autojump_clock: MockClock) -> None:
    """The daemon stops because of it."""
    store = RefusingStore(takes=[Lost("the disk broke"), BUSY])
    async with a_dispatcher(ScriptedRunner(), store=store) as dispatcher:
        await dispatcher.take_surely()

        assert trio.current_time() == 0
