"""What every engine of the store promises: who may run, and in which order."""

from __future__ import annotations

import pytest
from new_jobs import new_job, queue
from store_engines import Engine
from stored import DONE, record_of, started

from harpcaller.store import OnLoss, Store, TooManyQueued
from protocol.call import QueueSpec
from protocol.job import State
from protocol.jsontext import JsonText

NEEDING_ROOM = [one for one in OnLoss if one is not OnLoss.FED]


async def test_no_more_than_the_concurrency_run(store: Store) -> None:
    """P3, G2."""
    submitted = [await store.submit(new_job(queue=queue("q", 2))) for _ in range(5)]

    assert [len(each.claims) for each in submitted] == [1, 1, 0, 0, 0]
    assert (await store.counts())[State.QUEUED] == 3


async def test_the_end_of_a_job_claims_the_oldest_that_waits(
    store: Store, engine: Engine
) -> None:
    """The slot and its successor are one commit: a crash loses neither."""
    claim = await started(store, new_job(queue=queue()))
    second, third = new_job(queue=queue()), new_job(queue=queue())
    await store.submit(second)
    await store.submit(third)
    engine.clock.now += 5

    [successor] = await store.finish(claim, DONE, 0, [])

    assert successor.job_id == second.job_id
    assert successor.record.started_at == engine.clock.now
    assert successor.record.state is State.RUNNING
    assert (await record_of(store, third.job_id)).state is State.QUEUED


async def test_the_first_job_fixes_the_concurrency(store: Store) -> None:
    """DESIGN: fixed by the job that creates the queue, until it is gone."""
    claim = await started(store, new_job(queue=queue("q", 1)))
    second = new_job(queue=queue("q", 5))

    assert (await store.submit(second)).claims == ()
    assert (await record_of(store, second.job_id)).queue == queue("q", 1)

    [claim] = await store.finish(claim, DONE, 0, [])
    await store.finish(claim, DONE, 0, [])
    anew = [await store.submit(new_job(queue=queue("q", 2))) for _ in range(3)]
    assert [len(each.claims) for each in anew] == [1, 1, 0]


async def test_queues_do_not_wait_for_each_other(store: Store) -> None:
    """Only equal names share a concurrency."""
    await started(store, new_job(queue=queue("a")))

    assert (await store.submit(new_job(queue=queue("b")))).claims != ()
    assert (await store.submit(new_job())).claims != ()


async def test_beyond_max_running_jobs_wait_and_start_oldest_first(
    engine: Engine,
) -> None:
    """DESIGN 5: a job without a queue waits in state queued."""
    store, _ = await engine.open(max_running=2)
    claims = [await started(store), await started(store)]
    waiting = [new_job() for _ in range(3)]
    for job in waiting:
        assert (await store.submit(job)).claims == ()

    order = []
    for _ in waiting:
        claims += await store.finish(claims.pop(0), DONE, 0, [])
        order.append(claims[-1].job_id)

    assert order == [job.job_id for job in waiting]
    assert (await store.counts())[State.RUNNING] == 2


async def test_room_goes_to_a_queue_that_was_held_back_by_it(engine: Engine) -> None:
    """The end of any job may be what a job of another queue waits for."""
    store, _ = await engine.open(max_running=1)
    claim = await started(store, new_job(queue=queue("a")))
    held = new_job(queue=queue("b"))
    await store.submit(held)

    [successor] = await store.finish(claim, DONE, 0, [])

    assert successor.job_id == held.job_id


async def test_too_many_waiting_jobs_are_refused(engine: Engine) -> None:
    """`overloaded` is better than a disk that fills up."""
    store, _ = await engine.open(max_queued=1)
    await started(store, new_job(queue=queue()))
    waiting = new_job(queue=queue())
    await store.submit(waiting)

    with pytest.raises(TooManyQueued):
        await store.submit(new_job(queue=queue()))

    assert (await store.submit(waiting)).is_duplicate
    assert (await store.submit(new_job())).claims != ()


async def test_take_finds_nothing_that_was_not_held_back(store: Store) -> None:
    """All that may run was claimed when it could."""
    await started(store, new_job(queue=queue()))
    await store.submit(new_job(queue=queue()))

    assert await store.take() == ()


async def test_equal_names_are_one_queue(store: Store) -> None:
    """`name` is canonical when it comes here; equal bytes are equal queues."""
    name = JsonText(b'{"a":1,"b":2}')
    await started(store, new_job(queue=QueueSpec(name=name)))

    assert (await store.submit(new_job(queue=QueueSpec(name=name)))).claims == ()


async def test_parents_and_what_they_wait_for_have_rooms_of_their_own(
    store: Store,
) -> None:
    """Neither kind keeps the other from running, in the same queue or without one."""
    await store.set_room(1)
    for name in (None, "q"):
        spec = name and queue(name, 9)
        for on_loss in (OnLoss.RESUME, OnLoss.RESUME, OnLoss.END, OnLoss.RETRY):
            await store.submit(new_job(queue=spec, on_loss=on_loss))

    assert (await store.counts())[State.RUNNING] == 2
    assert len(await store.set_room(3)) == 4


async def test_of_a_queue_the_oldest_of_both_kinds_is_next(store: Store) -> None:
    """As long as there is room for either."""
    claim = await started(store, new_job(queue=queue()))
    waiting = [
        new_job(queue=queue(), on_loss=on_loss)
        for on_loss in (OnLoss.END, OnLoss.RESUME, OnLoss.RETRY, OnLoss.RESUME)
    ]
    for new in waiting:
        await store.submit(new)

    order = []
    for _ in waiting:
        [claim] = await store.finish(claim, DONE, 0, [])
        order.append(claim.job_id)

    assert order == [new.job_id for new in waiting]


async def test_no_room_is_none_for_either_kind(store: Store) -> None:
    """Who drains the dispatcher wants nothing to start."""
    await store.set_room(0)

    for on_loss in NEEDING_ROOM:
        assert (await store.submit(new_job(on_loss=on_loss))).claims == ()
    assert len(await store.set_room(2)) == 3


async def test_a_cancelled_queue_is_empty_of_both_kinds(store: Store) -> None:
    """What is counted per kind is counted out per kind."""
    await store.pause_queue(queue().name, paused=True)
    jobs = [new_job(queue=queue(), on_loss=on_loss) for on_loss in NEEDING_ROOM]
    for new in jobs:
        await store.submit(new)

    cancelled = await store.cancel_queue(queue().name)

    assert cancelled == tuple(new.job_id for new in jobs)
    assert (await store.counts())[State.QUEUED] == 0
    await store.pause_queue(queue().name, paused=False)
    assert (await store.submit(new_job(queue=queue("q", 5)))).claims != ()
