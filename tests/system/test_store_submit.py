"""What every engine of the store promises: calls are kept once, and found again."""

from __future__ import annotations

from typing import Any

import pytest
from new_jobs import new_id, new_job, queue
from store_engines import Engine
from stored import DONE, started, texts

from harpcaller.store import (
    Fenced,
    KeyConflict,
    Store,
    Submitted,
    Unavailable,
)
from protocol.call import Sealed
from protocol.job import JobRecord, State
from protocol.jsontext import JsonText


async def test_a_submitted_job_is_found_as_it_was_asked_for(
    store: Store, engine: Engine
) -> None:
    """G1: whoever was told the id can ask for everything."""
    job = new_job(
        host="web1",
        procedure="restart",
        arguments=JsonText(b'{"n":12345678901234567890123}'),
        info=JsonText(b'{"who":"me"}'),
        queue=queue("q", 3),
        retries=2,
        identity="alice",
    )

    submitted = await store.submit(job)

    record = JobRecord(
        job_id=job.job_id,
        state=State.RUNNING,
        host="web1",
        procedure="restart",
        arguments=job.call.arguments,
        timeout_s=600.0,
        max_exec_s=86400.0,
        submitted_at=engine.clock.now,
        started_at=engine.clock.now,
        queue=queue("q", 3),
        info=job.call.info,
        retries=2,
        starts=1,
        identity="alice",
    )
    assert await store.get(job.job_id) == record
    assert submitted.claims[0].record == record
    assert submitted.claims[0].fence == 1


async def test_nothing_is_seen_before_its_write_is_done(store: Store) -> None:
    """P1: what was read could be lost, had it been told before the commit."""
    job = new_job()

    write = store.submit(job)

    assert await store.get(job.job_id) is None
    await write
    assert await store.get(job.job_id) is not None


async def test_a_write_is_done_though_nobody_awaits_it(store: Store) -> None:
    """A client that went away does not take its job with it."""
    job = new_job()

    store.submit(job)
    await store.submit(new_job())

    assert await store.get(job.job_id) is not None


async def test_an_unknown_job_is_none(store: Store) -> None:
    """An id may be of a job that was pruned."""
    assert await store.get(new_id()) is None


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_the_same_id_again_is_the_same_job(
    store: Store, concurrency: int
) -> None:
    """A caller that lost the answer repeats the call."""
    first = new_job(queue=queue(concurrency=concurrency))
    await store.submit(first)

    again = await store.submit(first)

    assert again == Submitted(job_id=first.job_id, is_duplicate=True)
    assert (await store.counts())[State.RUNNING] == 1
    assert (await store.counts())[State.QUEUED] == 0


async def test_jobs_that_are_begun_together_are_submitted_in_that_order(
    store: Store,
) -> None:
    """FIFO is the order of the calls of `submit`, not of its answers."""
    jobs = [new_job(queue=queue()) for _ in range(20)]

    writes = [store.submit(job) for job in jobs]
    claims = list((await writes[0]).claims)
    for _ in jobs[1:]:
        claims += await store.finish(claims[-1], DONE, 0, [])

    assert [claim.job_id for claim in claims] == [job.job_id for job in jobs]


async def test_a_key_with_the_same_content_is_the_first_job(store: Store) -> None:
    """`key` makes a call repeatable whose id was never learned."""
    first = new_job(key="k", arguments=JsonText(b'{"a":1,"b":2}'))
    await store.submit(first)

    again = await store.submit(new_job(key="k", arguments=JsonText(b'{"b":2,"a":1}')))

    assert again == Submitted(job_id=first.job_id, is_duplicate=True)


async def test_a_key_with_other_content_is_refused(store: Store) -> None:
    """Silently answering with another call's job would be worse."""
    await store.submit(new_job(key="k", procedure="a"))

    with pytest.raises(KeyConflict):
        await store.submit(new_job(key="k", procedure="b"))

    assert (await store.counts())[State.RUNNING] == 1


async def test_sealed_values_do_not_matter_to_a_key(store: Store) -> None:
    """They are erased, so that later there is nothing to compare with."""
    first = new_job(key="k", sealed=(Sealed(pointer="/0", value=JsonText(b'"x"')),))
    await store.submit(first)

    again = await store.submit(
        new_job(key="k", sealed=(Sealed(pointer="/0", value=JsonText(b'"y"')),))
    )

    assert again.job_id == first.job_id


@pytest.mark.parametrize("fields", [{"identity": "other"}, {"host": "other"}])
async def test_a_key_belongs_to_an_identity_and_a_host(
    store: Store, fields: dict[str, Any]
) -> None:
    """Two clients need not know each other's keys."""
    await store.submit(new_job(key="k", procedure="a"))

    other = await store.submit(new_job(key="k", procedure="b", **fields))

    assert not other.is_duplicate


async def test_a_key_is_free_when_its_job_is_gone(store: Store, engine: Engine) -> None:
    """A key is kept as long as the job."""
    claim = await started(store, new_job(key="k", procedure="a"))
    await store.finish(claim, DONE, 0, [])
    engine.clock.now += 1
    await store.prune(engine.clock.now, 10)

    other = await store.submit(new_job(key="k", procedure="b"))

    assert not other.is_duplicate


async def test_a_refusal_does_not_disturb_its_lot(store: Store) -> None:
    """All that waits shares a commit; strangers must not notice each other."""
    await store.submit(new_job(key="k"))
    claim = await started(store)
    await store.finish(claim, DONE, 0, [])

    before = store.submit(new_job())
    conflicting = store.submit(new_job(key="k", procedure="other"))
    fenced = store.append(claim, 0, texts("0"))
    after = store.submit(new_job())

    assert (await before).claims
    with pytest.raises(KeyConflict):
        await conflicting
    with pytest.raises(Fenced):
        await fenced
    assert (await after).claims


async def test_a_bug_does_not_disturb_its_lot(store: Store) -> None:
    """An operation that breaks fails alone; the others are done without it."""
    claim = await started(store)

    before = store.submit(new_job(queue=queue()))
    broken = store.append(claim, 7, texts("7"))
    after = store.submit(new_job(queue=queue()))

    assert (await before).claims
    assert (await after).claims == ()
    with pytest.raises(ValueError, match="packet 7"):
        await broken
    assert (await store.counts())[State.RUNNING] == 2


async def test_a_closed_store_is_unavailable(store: Store, engine: Engine) -> None:
    """Nothing waits for ever at a stop."""
    last = store.submit(new_job())
    await engine.close()

    assert last.is_done
    with pytest.raises(Unavailable):
        await store.submit(new_job())
