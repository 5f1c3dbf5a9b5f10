"""Jobs that nobody runs, and others: what is fed elsewhere, run, or forgotten."""

from __future__ import annotations

import attrs
import pytest
from dispatching import Nowhere
from fed_world import CALL, a_life
from trio.testing import MockClock

from harpcaller import ops
from harpcaller.dispatch.followers import wait_for_outcome
from harpcaller.roles import Role
from harpcaller.store.memory import MemoryStore
from protocol.errors import ErrorType, WireError
from protocol.jsontext import JsonText
from protocol.requests import Cancel

INFO = {"level": "job_info", "jobid": 1}


async def test_what_others_feed_is_seen(autojump_clock: MockClock) -> None:
    """In a cluster another dispatcher may have taken the packet before."""
    store = MemoryStore()
    async with a_life(store) as life:
        job_id = await life.create()
        await life.send(job_id, INFO)
        await store.feed(job_id, [JsonText(b'{"message":{"level":"x"}}')])
        await life.send(job_id, INFO)

        _, workflow = await life.fed.look(job_id, Role.READ)

        assert workflow.packets == 3  # type: ignore[attr-defined]


async def test_jobs_of_others_are_not_fed(autojump_clock: MockClock) -> None:
    """An id of another kind of job is none here."""
    async with a_life(MemoryStore()) as life:
        write = life.dispatcher.submit(attrs.evolve(CALL, host="h"))
        other = (await write).job_id
        job_id = await life.create()
        record = await life.record(other)

        with pytest.raises(WireError) as caught:
            await life.send(other, INFO)
        with pytest.raises(WireError):
            await life.dispatcher.external.look(record)
        await ops.begin(Cancel(job_id=job_id), life.dispatcher)

        assert caught.value.type is ErrorType.INVALID_JOBID


async def test_an_ended_one_is_forgotten_on_demand(
    autojump_clock: MockClock,
) -> None:
    """PL-9: and is listed until then."""
    async with a_life(MemoryStore()) as life:
        job_id = await life.create()
        await life.fed.cancel(job_id)
        await wait_for_outcome(life.dispatcher, job_id, Nowhere())
        listed = await life.fed.jobs(Role.READ)

        assert [job.job_id for job in listed] == [job_id]
        assert await life.fed.remove(job_id)
        assert await life.fed.jobs(Role.READ) == []
