"""What every engine of the store promises: pauses, documents, sealed values, upkeep."""

from __future__ import annotations

import pytest
from new_jobs import new_id, new_job, queue
from store_engines import Engine
from stored import DONE, ended, log_of, queued, record_of, started, texts

from harpcaller.store import Fenced, JobFilter, OnLoss, Store
from protocol.call import Sealed
from protocol.job import State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled

SECRET = (Sealed(pointer="/0", value=JsonText(b'"secret"')),)


# ── queues by name ──
async def test_cancelling_a_queue_ends_what_waits_and_nothing_else(
    store: Store,
) -> None:
    """One step: no job of the queue starts meanwhile."""
    claim = await started(store, new_job(queue=queue()))
    waiting = [await queued(store, new_job(queue=queue())) for _ in range(3)]
    await started(store, new_job(queue=queue("other")))
    other = await queued(store, new_job(queue=queue("other")))

    assert await store.cancel_queue(queue().name) == tuple(waiting)

    assert (await record_of(store, waiting[1])).outcome == Cancelled()
    assert (await record_of(store, other)).state is State.QUEUED
    assert (await record_of(store, claim.job_id)).state is State.RUNNING
    assert await store.finish(claim, DONE, 0, []) == ()
    assert await store.cancel_queue(queue().name) == ()


async def test_a_paused_queue_starts_nothing(store: Store) -> None:
    """What runs goes on; what comes waits."""
    claim = await started(store, new_job(queue=queue("q", 2)))

    assert await store.pause_queue(queue().name, paused=True) == ()
    waiting = await queued(store, new_job(queue=queue("q", 2)))

    assert await store.finish(claim, DONE, 0, []) == ()
    [claim] = await store.pause_queue(queue().name, paused=False)
    assert claim.job_id == waiting


async def test_a_pause_outlives_its_queue(store: Store) -> None:
    """It stands until it is taken back, jobs or not."""
    claim = await started(store, new_job(queue=queue()))
    await store.pause_queue(queue().name, paused=True)
    await store.pause_queue(queue().name, paused=True)
    await store.finish(claim, DONE, 0, [])

    await queued(store, new_job(queue=queue()))


async def test_resuming_what_is_not_paused_changes_nothing(store: Store) -> None:
    """It may be repeated."""
    assert await store.pause_queue(queue().name, paused=False) == ()


async def test_no_room_means_no_starts(store: Store) -> None:
    """At a stop what ends must not start a successor."""
    claim = await started(store, new_job(queue=queue()))
    waiting = await queued(store, new_job(queue=queue()))

    assert await store.set_room(0) == ()

    assert await store.finish(claim, DONE, 0, []) == ()
    await queued(store, new_job())
    claims = await store.set_room(10)
    assert claims[0].job_id == waiting
    assert len(claims) == 2


# ── sealed values ──
async def test_sealed_values_come_with_the_claim_alone(store: Store) -> None:
    """P7: the record, which everybody may read, has none."""
    claim = await started(store, new_job(sealed=SECRET))

    assert claim.sealed == SECRET
    assert "secret" not in repr(claim)
    assert "secret" not in repr(await store.get(claim.job_id))


async def test_the_values_of_a_child_stay_until_its_parent_ends(
    store: Store,
) -> None:
    """DESIGN 10: they belong to the parent's set."""
    parent = await started(store, new_job(on_loss=OnLoss.RESUME))
    blocker = await started(store, new_job(queue=queue()))
    child = new_job(parent=parent.job_id, queue=queue(), sealed=SECRET)
    await store.submit(child)

    [claim] = await store.finish(blocker, DONE, 0, [])

    assert (claim.sealed, claim.parent) == (SECRET, parent.job_id)
    await store.finish(claim, DONE, 0, [])
    await store.finish(parent, DONE, 0, [])


async def test_a_claim_names_the_job_that_submitted_it(store: Store) -> None:
    """Whoever runs it has to know; what a client says of it in `info` is not it."""
    parent = await started(store, new_job(on_loss=OnLoss.RESUME))

    child = await started(store, new_job(parent=parent.job_id))

    assert (parent.parent, child.parent) == (None, parent.job_id)


async def test_a_child_of_an_ended_parent_keeps_its_own_values(store: Store) -> None:
    """There is no set any more that they could belong to."""
    parent = await ended(store)
    await started(store, new_job(queue=queue()))
    child = new_job(parent=parent, queue=queue(), sealed=SECRET, retries=1)
    await store.submit(child)

    assert await store.cancel_queue(queue().name) == (child.job_id,)


# ── documents ──
async def test_a_document_is_there_until_its_job_ends(store: Store) -> None:
    """They hold what only the running job needs."""
    claim = await started(store)
    await store.put_doc(claim.job_id, "a", b"1")
    await store.put_doc(claim.job_id, "b", b"2")
    await store.put_doc(claim.job_id, "a", b"\x003")

    assert await store.get_doc(claim.job_id, "a") == b"\x003"
    assert await store.get_doc(claim.job_id, "c") is None

    await store.finish(claim, DONE, 0, [])
    assert await store.get_doc(claim.job_id, "a") is None
    with pytest.raises(Fenced):
        await store.put_doc(claim.job_id, "a", b"4")


async def test_a_waiting_job_has_documents_too(store: Store) -> None:
    """They are put there before it starts, and go with a cancel."""
    await started(store, new_job(queue=queue()))
    waiting = await queued(store, new_job(queue=queue()))
    await store.put_doc(waiting, "a", b"1")

    assert await store.get_doc(waiting, "a") == b"1"
    await store.cancel(waiting)
    assert await store.get_doc(waiting, "a") is None


async def test_an_unknown_job_has_no_documents(store: Store) -> None:
    """It is pruned, or was never there."""
    with pytest.raises(Fenced):
        await store.put_doc(new_id(), "a", b"1")

    assert await store.get_doc(new_id(), "a") is None


async def test_shared_documents_are_kept_replaced_and_removed(store: Store) -> None:
    """A space is one adapter's."""
    await store.put_shared("one", "b", b"1")
    await store.put_shared("one", "a", b"2")
    await store.put_shared("two", "a", b"3")
    await store.put_shared("one", "a", b"4")

    assert await store.list_shared("one") == ("a", "b")
    assert await store.get_shared("one", "a") == b"4"

    await store.put_shared("one", "a", None)
    assert await store.get_shared("one", "a") is None
    assert await store.list_shared("one") == ("b",)
    assert await store.get_shared("two", "a") == b"3"


# ── upkeep ──
async def test_old_jobs_are_forgotten_oldest_end_first(
    store: Store, engine: Engine
) -> None:
    """In small lots, so that nobody waits for it."""
    over = []
    for _ in range(3):
        over.append(await ended(store))
        engine.clock.now += 1
    running = await started(store)

    assert [*await store.prunable(engine.clock.now - 1, 1)] == over[:1]
    assert [*await store.prunable(engine.clock.now - 1, 10)] == over[:2]
    assert await store.prune(engine.clock.now - 1, 1) == 1
    assert await store.get(over[0]) is None
    assert await store.prune(engine.clock.now - 1, 10) == 1
    assert await store.get(over[1]) is None
    assert await store.prune(engine.clock.now - 1, 10) == 0
    assert await store.get(over[2]) is not None
    assert await store.get(running.job_id) is not None
    assert (await store.counts())[State.ENDED] == 1


async def test_what_is_forgotten_leaves_nothing(store: Store, engine: Engine) -> None:
    """B10: the log goes with the job, and the list knows it no more."""
    claim = await started(store)
    await store.append(claim, 0, texts("0", "1"))
    await store.finish(claim, DONE, 2, [])
    engine.clock.now += 1

    await store.prune(engine.clock.now, 10)

    assert await log_of(store, claim.job_id) == []
    assert (await store.jobs(JobFilter(), None, 10)).jobs == ()
    assert list(await store.check()) == []


async def test_a_child_stays_while_its_parent_lives(
    store: Store, engine: Engine
) -> None:
    """The parent may read its result again after a restart."""
    parent = await started(store)
    child = await ended(store, new_job(parent=parent.job_id))
    engine.clock.now += 1

    assert [*await store.prunable(engine.clock.now, 10)] == []
    assert await store.prune(engine.clock.now, 10) == 0
    await store.finish(parent, DONE, 0, [])
    assert await store.prune(engine.clock.now, 10) == 1

    assert await store.get(child) is None
    assert await store.get(parent.job_id) is not None


async def test_only_what_has_ended_can_be_removed(store: Store) -> None:
    """A running job is cancelled first."""
    claim = await started(store)
    waits = new_job(queue=queue())
    await store.submit(waits)

    assert not await store.remove(claim.job_id)
    assert not await store.remove(new_id())
    await store.finish(claim, DONE, 0, [])
    assert await store.remove(claim.job_id)
    assert not await store.remove(claim.job_id)
    assert await store.get(claim.job_id) is None


async def test_a_store_in_order_passes_its_check(store: Store) -> None:
    """And can be written to."""
    await ended(store)
    await started(store, new_job(queue=queue()))
    await queued(store, new_job(queue=queue()))

    await store.probe()

    assert list(await store.check()) == []
