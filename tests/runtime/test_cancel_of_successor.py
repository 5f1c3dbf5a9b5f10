"""A cancel that meets a job just when its queue lets it start."""

from __future__ import annotations

import pytest
import trio
from dispatching import Nowhere, a_dispatcher

from harpcaller.dispatch.followers import wait_for_outcome
from harpcaller.runners import Progress
from harpcaller.store import Claim
from protocol.call import Call, QueueSpec
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Outcome, Returned

QUEUE = QueueSpec(name=JsonText(b'{"name":"one"}'))


class FirstReturns:
    """Calls of `first` return when `release` is set, all others never."""

    def __init__(self) -> None:
        self.release = trio.Event()

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Carry out one call."""
        if claim.record.procedure != "first":
            await trio.sleep_forever()
        await self.release.wait()
        return Returned(JsonText(b"null"))


@pytest.mark.parametrize("ticks", range(12))
async def test_a_job_that_is_just_starting_is_cancelled(ticks: int) -> None:
    """False would say that it has ended; it would run on, its cancel forgotten."""
    runner = FirstReturns()
    async with a_dispatcher(runner) as dispatcher:
        await dispatcher.submit(_call("first"))
        second = (await dispatcher.submit(_call("second"))).job_id

        runner.release.set()
        for _ in range(ticks):
            await trio.lowlevel.checkpoint()
        is_cancelled = await dispatcher.cancel(second)

        assert is_cancelled
        with trio.fail_after(1):
            outcome = await wait_for_outcome(dispatcher, second, Nowhere())
        assert outcome == Cancelled()


def _call(procedure: str) -> Call:
    return Call(host="h", procedure=procedure, arguments=JsonText(b"[]"), queue=QUEUE)
