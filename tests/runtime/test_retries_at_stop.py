"""A call that asked for retries, when the dispatcher stops."""

from __future__ import annotations

import trio
from dispatching import a_dispatcher

from harpcaller.runners import Progress
from harpcaller.store import Claim
from protocol.call import Call
from protocol.job import State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Outcome

CALL = Call(host="h", procedure="p", arguments=JsonText(b"[]"), retries=1)


class Streaming:
    """Streams without an end."""

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Carry out one call."""
        while True:
            await progress.emit([JsonText(b"1")])
            await trio.lowlevel.checkpoint()


async def test_it_is_left_for_the_next_start() -> None:
    """A stop is what `retries` are for, no less than a crash."""
    async with a_dispatcher(Streaming()) as dispatcher:
        job_id = (await dispatcher.submit(CALL)).job_id
        await trio.sleep(0.01)

        await dispatcher.stop(0)
        left = await dispatcher.store.get(job_id)
        opened = await dispatcher.store.open("next", 10, 10)

        assert left is not None
        assert left.state is State.RUNNING
        assert opened.requeued == 1


async def test_a_cancel_after_it_was_left_holds_at_once_and_at_the_next_start() -> None:
    """True is told once it is durable; from then on all hear the same."""
    async with a_dispatcher(Streaming()) as dispatcher:
        job_id = (await dispatcher.submit(CALL)).job_id
        await dispatcher.stop(0)

        answers = [await dispatcher.cancel(job_id) for _ in range(2)]
        at_once = await dispatcher.store.get(job_id)
        opened = await dispatcher.store.open("next", 10, 10)
        later = await dispatcher.store.get(job_id)

        assert answers == [True, False]
        assert at_once is not None
        assert at_once.outcome == Cancelled()
        assert later == at_once
        assert opened.requeued == 0
