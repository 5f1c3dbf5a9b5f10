"""What whoever watches is told of jobs, and that nobody waits for him."""

from __future__ import annotations

import attrs
import trio
from dispatching import a_dispatcher
from scripted_runner import QUEUE, ScriptedRunner, a_call, hang, streaming
from trio.testing import MockClock

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.watching import (
    JobEnded,
    JobStarted,
    JobStreamed,
    JobSubmitted,
    Watch,
)
from protocol.jsontext import encode
from protocol.outcome import Cancelled, Returned


async def kinds(watch: Watch, dispatcher: Dispatcher) -> list[type]:
    """Return what kinds of events there were, once nothing runs."""
    while dispatcher.running_count:  # noqa: ASYNC110 (nothing would set an event)
        await trio.sleep(0.1)
    return [type(event) for event in watch.take()]


async def test_a_job_is_told_from_submission_to_end(autojump_clock: MockClock) -> None:
    """In this order, packets too for who wants them."""
    async with a_dispatcher(ScriptedRunner(stream=streaming(2, 1))) as dispatcher:
        silent = dispatcher.feed.watch(10)
        watch = dispatcher.feed.watch(10, with_packets=True)

        kept = await dispatcher.submit(a_call("stream", queue=QUEUE))
        await watch.wait()
        await trio.sleep(10)
        events = watch.take()

        assert len(silent.take()) == 3
    submitted, started, first, second, ended = events
    assert isinstance(submitted, JobSubmitted)
    assert isinstance(started, JobStarted)
    assert submitted.job == started.job
    assert (submitted.job.queue, submitted.job.procedure) == (QUEUE.name, "stream")
    assert isinstance(first, JobStreamed)
    assert isinstance(second, JobStreamed)
    assert [*first.texts, *second.texts] == [encode(0), encode(1)]
    assert isinstance(ended, JobEnded)
    assert ended.job_id == kept.job_id
    assert isinstance(ended.outcome, Returned)


async def test_a_call_that_was_made_before_is_told_once(
    autojump_clock: MockClock,
) -> None:
    """There is one job, however often its key is given."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        watch = dispatcher.feed.watch(10)
        call = attrs.evolve(a_call("nap"), key="once")

        await dispatcher.submit(call)
        await dispatcher.submit(call)

        assert await kinds(watch, dispatcher) == [JobSubmitted, JobStarted, JobEnded]


async def test_what_is_cancelled_while_it_waits_has_an_end(
    autojump_clock: MockClock,
) -> None:
    """Without a start; a watcher would count it as live for ever."""
    async with a_dispatcher(ScriptedRunner(hang=hang)) as dispatcher:
        await dispatcher.submit(a_call("hang", queue=QUEUE))
        watch = dispatcher.feed.watch(10)
        waiting = await dispatcher.submit(a_call("hang", queue=QUEUE))

        await dispatcher.cancel(waiting.job_id)

        submitted, ended = watch.take()
        assert isinstance(submitted, JobSubmitted)
        assert ended == JobEnded(waiting.job_id, Cancelled())


async def test_a_watcher_that_does_not_look_loses_all_but_ends(
    autojump_clock: MockClock,
) -> None:
    """What he does not take must not fill the memory."""
    async with a_dispatcher(ScriptedRunner()) as dispatcher:
        watch = dispatcher.feed.watch(1)
        for _ in range(3):
            await dispatcher.submit(a_call("nap"))

        found = await kinds(watch, dispatcher)

    assert found == [JobSubmitted, JobEnded, JobEnded, JobEnded]
    assert watch.lost == 5


async def test_who_watches_no_more_is_told_nothing(autojump_clock: MockClock) -> None:
    """Nor are packets gathered for him."""
    async with a_dispatcher(ScriptedRunner(stream=streaming(2, 1))) as dispatcher:
        watch = dispatcher.feed.watch(10, with_packets=True)
        other = dispatcher.feed.watch(10)

        dispatcher.feed.forget(watch)
        await dispatcher.submit(a_call("stream"))

        assert await kinds(other, dispatcher) == [JobSubmitted, JobStarted, JobEnded]
        assert watch.take() == []
