"""Starts, cancels and stops, decided between two ticks of the loop."""

from __future__ import annotations

import gc

import pytest
import trio
import trio.testing
from dispatching import Nowhere, a_dispatcher
from scripted_runner import (
    DONE,
    QUEUE,
    Procedure,
    ScriptedRunner,
    a_call,
    hang,
    never_connect,
    sleeping,
    streaming,
)
from trio.testing import MockClock

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.followers import wait_for_outcome
from harpcaller.dispatch.job import Job
from harpcaller.runners import Progress
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, State
from protocol.jsontext import encode
from protocol.outcome import Cancelled, Failed, Outcome, Returned

LONG_S = 100


async def submit(dispatcher: Dispatcher, call: Call) -> JobId:
    """Return the id of a call that was accepted."""
    return (await dispatcher.submit(call)).job_id


async def outcome_of(dispatcher: Dispatcher, job_id: JobId) -> Outcome:
    """Return how a job ended, once it has."""
    with trio.fail_after(10 * LONG_S):
        return await wait_for_outcome(dispatcher, job_id, Nowhere())


async def stored(dispatcher: Dispatcher, job_id: JobId) -> tuple[State, Outcome | None]:
    """Return what a new client would be told."""
    record = await dispatcher.store.get(job_id)
    assert record is not None
    return record.state, record.outcome


async def acknowledge_late(progress: Progress) -> Outcome:
    """Connect at once and say nothing for a long time."""
    return await sleeping(LONG_S)(progress)


@pytest.mark.parametrize(
    "procedure",
    [never_connect, acknowledge_late, hang, streaming(packets=LONG_S, gap_s=1)],
    ids=["connecting", "unacknowledged", "silent", "streaming"],
)
async def test_a_cancel_ends_a_running_job_at_once(
    procedure: Procedure, autojump_clock: MockClock
) -> None:
    """The original took five seconds, and then forgot the job."""
    async with a_dispatcher(ScriptedRunner(p=procedure)) as dispatcher:
        job_id = await submit(dispatcher, a_call("p"))
        await trio.sleep(7.5)

        assert await dispatcher.cancel(job_id)

        assert trio.current_time() == 7.5
        assert await stored(dispatcher, job_id) == (State.ENDED, Cancelled())
        assert await outcome_of(dispatcher, job_id) == Cancelled()
        assert not await dispatcher.cancel(job_id)


async def test_a_cancelled_job_keeps_what_it_streamed(
    autojump_clock: MockClock,
) -> None:
    """P4: whoever reads later sees what was there."""
    runner = ScriptedRunner(p=streaming(packets=LONG_S, gap_s=1))
    async with a_dispatcher(runner) as dispatcher:
        job_id = await submit(dispatcher, a_call("p"))
        await trio.sleep(3.5)
        await dispatcher.cancel(job_id)

        page = await dispatcher.store.read_log(
            job_id, 0, max_packets=100, max_bytes=1000
        )

    assert page.packets == (encode(0), encode(1), encode(2))


async def test_a_job_cancelled_in_its_queue_never_starts(
    autojump_clock: MockClock,
) -> None:
    """Those behind it move up."""
    runner = ScriptedRunner()
    async with a_dispatcher(runner) as dispatcher:
        first, second, third = [
            await submit(dispatcher, a_call("nap", queue=QUEUE)) for _ in range(3)
        ]

        assert await dispatcher.cancel(second)

        assert await outcome_of(dispatcher, third) == DONE
        assert await stored(dispatcher, second) == (State.ENDED, Cancelled())
    assert runner.started == [first, third]
    assert trio.current_time() == 2


async def test_waiters_of_a_queued_job_hear_of_its_cancel(
    autojump_clock: MockClock,
) -> None:
    """They wait for an end, whoever brings it about."""
    async with a_dispatcher(ScriptedRunner(), max_running=1) as dispatcher:
        await submit(dispatcher, a_call("hang"))
        job_id = await submit(dispatcher, a_call("hang"))
        heard: list[Outcome] = []

        async def wait() -> None:
            heard.append(await outcome_of(dispatcher, job_id))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(wait)
            await trio.sleep(5)
            await dispatcher.cancel(job_id)

    assert heard == [Cancelled(), Cancelled()]
    assert trio.current_time() == 5


@pytest.mark.parametrize("ticks", range(15))
async def test_a_cancel_that_meets_the_result_has_one_winner(ticks: int) -> None:
    """Some ticks later the result has won; at none of them have both."""
    release = trio.Event()

    async def wait_for_release(progress: Progress) -> Outcome:
        progress.connected()
        await release.wait()
        return DONE

    async with a_dispatcher(ScriptedRunner(p=wait_for_release)) as dispatcher:
        job_id = await submit(dispatcher, a_call("p"))
        release.set()
        for _ in range(ticks):
            await trio.lowlevel.checkpoint()

        first, second = dispatcher.cancel(job_id), dispatcher.cancel(job_id)
        answers = [await second, await first]

        outcome = await outcome_of(dispatcher, job_id)
        assert await stored(dispatcher, job_id) == (State.ENDED, outcome)
    assert answers == [False, isinstance(outcome, Cancelled)]
    assert isinstance(outcome, Cancelled | Returned)


@pytest.mark.parametrize("ticks", range(15))
async def test_a_cancel_that_meets_the_submit_finds_the_job(ticks: int) -> None:
    """From the instant that the id is told, and before."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        submitting = dispatcher.submit(a_call("hang"))
        for _ in range(ticks):
            await trio.lowlevel.checkpoint()
        job_id = (await submitting).job_id

        assert await dispatcher.cancel(job_id)
        assert await outcome_of(dispatcher, job_id) == Cancelled()


async def test_max_running_bounds_what_runs_and_keeps_the_order(
    autojump_clock: MockClock,
) -> None:
    """Jobs without a queue wait too, the oldest starts first."""
    runner = ScriptedRunner()
    jobs: list[JobId] = []
    running: list[int] = []
    async with a_dispatcher(runner, max_running=2) as dispatcher:
        for _ in range(7):  # apart: what starts in one tick has no order
            jobs.append(await submit(dispatcher, a_call("nap")))
            await trio.sleep(0.01)
        for job_id in jobs:
            running.append(dispatcher.running_count)
            await outcome_of(dispatcher, job_id)

    assert runner.started == jobs
    assert max(running) == 2
    assert 4 <= trio.current_time() < 4.1  # seven naps of a second, two at a time


async def test_a_failed_job_passes_its_turn_on(autojump_clock: MockClock) -> None:
    """A queue must not hang on one that fails, times out or is a bug of ours."""

    async def crash(_: Progress) -> Outcome:
        raise ZeroDivisionError

    async def refuse(_: Progress) -> Outcome:
        raise WireError(ErrorType.OS_ERROR, "no more sockets", {"code": "emfile"})

    runner = ScriptedRunner(crash=crash, refuse=refuse, silence=never_connect)
    async with a_dispatcher(runner) as dispatcher:
        bad = [
            await submit(dispatcher, a_call(name, queue=QUEUE, timeout_s=5))
            for name in ("crash", "refuse", "silence")
        ]
        last = await submit(dispatcher, a_call("nap", queue=QUEUE))
        assert await outcome_of(dispatcher, last) == DONE
        ends = [await outcome_of(dispatcher, job_id) for job_id in bad]

    assert [end.type for end in ends if isinstance(end, Failed)] == [
        ErrorType.OS_ERROR,
        ErrorType.OS_ERROR,
        ErrorType.NETWORK_ERROR,
    ]
    assert [end.data for end in ends if isinstance(end, Failed)] == [
        encode({"code": "internal"}),
        encode({"code": "emfile"}),
        encode({"code": "timedout"}),
    ]


async def test_a_stop_gives_running_jobs_their_grace(autojump_clock: MockClock) -> None:
    """What ends by itself within it has its result; the rest is told as lost."""
    runner = ScriptedRunner(short=sleeping(20), long=sleeping(40))
    async with a_dispatcher(runner) as dispatcher:
        short = await submit(dispatcher, a_call("short", queue=QUEUE))
        behind = await submit(dispatcher, a_call("short", queue=QUEUE))
        long = await submit(dispatcher, a_call("long"))

        await dispatcher.stop(30)

        assert trio.current_time() == 30
        assert await stored(dispatcher, short) == (State.ENDED, DONE)
        assert await stored(dispatcher, behind) == (State.QUEUED, None)
        state, outcome = await stored(dispatcher, long)
    assert state is State.ENDED
    assert isinstance(outcome, Failed)
    assert outcome.type == ErrorType.MISSING_RESULT


async def test_a_stop_waits_no_longer_than_it_has_to(autojump_clock: MockClock) -> None:
    """Whoever restarts a dispatcher is in a hurry."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        await submit(dispatcher, a_call("nap"))
        await dispatcher.stop(30)

    assert trio.current_time() == 1


async def test_a_hurried_stop_has_no_grace(autojump_clock: MockClock) -> None:
    """A second signal means now."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        job_id = await submit(dispatcher, a_call("hang"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dispatcher.stop, 30)
            await trio.sleep(3)
            dispatcher.hurry()

        assert trio.current_time() == 3
        assert (await stored(dispatcher, job_id))[0] is State.ENDED


async def test_a_dispatcher_that_stops_accepts_nothing_but_cancels(
    autojump_clock: MockClock,
) -> None:
    """What it accepted it would have to keep; what runs may still be ended."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        job_id = await submit(dispatcher, a_call("hang"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dispatcher.stop, 30)
            await trio.sleep(3)

            with pytest.raises(WireError) as refusal:
                dispatcher.submit(a_call("nap"))
            assert await dispatcher.cancel(job_id)

    assert refusal.value.type == ErrorType.SHUTTING_DOWN
    assert trio.current_time() == 3


async def test_nothing_is_left_of_jobs_that_nobody_reads(
    autojump_clock: MockClock,
) -> None:
    """A dispatcher runs for months."""
    nobodys = JobId("00000000-0000-7000-8000-000000000000")
    gc.collect()  # what other tests dropped
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        for _ in range(10):
            await outcome_of(dispatcher, await submit(dispatcher, a_call("nap")))
        with pytest.raises(WireError):
            await wait_for_outcome(dispatcher, nobodys, Nowhere())
        await trio.testing.wait_all_tasks_blocked()

        assert dispatcher.running_count == 0
        assert [one for one in gc.get_objects() if isinstance(one, Job)] == []
