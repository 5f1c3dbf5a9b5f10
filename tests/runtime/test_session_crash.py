"""A bug of ours is told as one, and ends one session alone."""

from __future__ import annotations

import json

import trio
from trio.testing import MockClock
from visit import a_visit

from harpcaller.store.memory import MemoryStore
from protocol.job import JobId, JobRecord

STATUS = b'{"harpcaller":1,"get_status":"01a2233a-a222-746e-bfe5-16db85bc5563"}\n'
CANCEL = b'{"harpcaller":1,"cancel":"nothing"}\n'


class BuggyStore(MemoryStore):
    """Has a bug."""

    async def get(self, job_id: JobId) -> JobRecord | None:
        """Raise what no store may raise."""
        raise RuntimeError(job_id)


async def test_a_bug_is_told_as_internal_error(autojump_clock: MockClock) -> None:
    """A bare end of the connection would look like a network's fault."""
    async with a_visit(store=BuggyStore()) as visit:
        await visit.say(CANCEL + STATUS + CANCEL)
        await visit.client.send_eof()

        heard, _ = await visit.hear_out()

    answered, told = heard.splitlines()
    assert json.loads(answered) == {"cancelled": False}
    assert json.loads(told)["error"]["type"] == "internal_error"


async def test_a_client_that_went_is_told_nothing(autojump_clock: MockClock) -> None:
    """Its session ends all the same."""
    async with a_visit(store=BuggyStore()) as visit:
        await visit.say(STATUS)
        await trio.aclose_forcefully(visit.client)

        await trio.sleep(10)
