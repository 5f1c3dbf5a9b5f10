"""What every engine of the store promises: how a job ends, and who may end it."""

from __future__ import annotations

import pytest
from new_jobs import new_id, new_job, queue
from store_engines import Engine
from stored import DONE, log_of, record_of, started, texts

from harpcaller.store import (
    CancelResult,
    Fenced,
    Store,
)
from protocol.job import State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned


@pytest.mark.parametrize(
    "outcome",
    [
        Returned(JsonText(b'{"a":[1,2.50,"\\u0000"]}')),
        Raised(type="ValueError", message="bad", data=JsonText(b'{"x":1}')),
        Raised(type="ValueError", message="bad"),
        Failed(type="os_error", message="it broke", data=JsonText(b"null")),
        Cancelled(),
    ],
)
async def test_an_outcome_is_read_as_it_was_written(
    engine: Engine, outcome: Outcome
) -> None:
    """P2, P5, also after a restart."""
    store, _ = await engine.open()
    claim = await started(store)
    engine.clock.now += 7

    assert await store.finish(claim, outcome, 0, []) == ()

    store, _ = await engine.open()
    record = await record_of(store, claim.job_id)
    assert record.outcome == outcome
    assert record.state is State.ENDED
    assert record.ended_at == engine.clock.now


async def test_the_last_packets_come_with_the_end(store: Store) -> None:
    """A short job costs two commits."""
    claim = await started(store)
    await store.append(claim, 0, texts("0"))

    await store.finish(claim, DONE, 0, texts("0", "1"))

    assert await log_of(store, claim.job_id) == texts("0", "1")
    assert (await record_of(store, claim.job_id)).packets == 2


async def test_a_repeated_finish_changes_nothing(store: Store) -> None:
    """The answer may have been lost."""
    claim = await started(store, new_job(queue=queue()))
    await store.submit(new_job(queue=queue()))
    await store.finish(claim, DONE, 0, texts("0"))

    assert await store.finish(claim, DONE, 0, texts("0")) == ()

    assert await log_of(store, claim.job_id) == texts("0")
    assert (await store.counts())[State.RUNNING] == 1


async def test_an_outcome_never_changes(store: Store) -> None:
    """P2: who comes second is told."""
    claim = await started(store)
    await store.finish(claim, DONE, 0, [])

    with pytest.raises(Fenced):
        await store.finish(claim, Cancelled(), 0, [])

    assert (await record_of(store, claim.job_id)).outcome == DONE


async def test_an_end_is_seen_though_a_bug_broke_its_lot(store: Store) -> None:
    """What was done alone after a rollback is news like any other."""
    claim, other = await started(store), await started(store)

    ended = store.finish(claim, DONE, 0, [])
    broken = store.append(other, 5, texts("1"))
    await ended
    with pytest.raises(ValueError, match="5"):
        await broken

    assert (await record_of(store, claim.job_id)).outcome == DONE
    assert (await store.counts())[State.ENDED] == 1


async def test_a_log_that_lost_packets_still_ends_dense(store: Store) -> None:
    """Packets that did not fit on the disk are missing at the end alone."""
    claim = await started(store)
    await store.append(claim, 0, texts("0"))

    await store.finish(claim, DONE, 2, texts("2"))

    assert await log_of(store, claim.job_id) == texts("0")
    assert (await record_of(store, claim.job_id)).packets == 1


async def test_a_claim_of_no_job_is_fenced(store: Store) -> None:
    """The job was removed by hand, or the claim is another store's."""
    claim = await started(store)
    await store.finish(claim, DONE, 0, [])
    assert await store.remove(claim.job_id)

    with pytest.raises(Fenced):
        await store.finish(claim, DONE, 0, [])
    with pytest.raises(Fenced):
        await store.append(claim, 0, texts("0"))


async def test_feeding_numbers_the_packets_itself(store: Store) -> None:
    """Whoever feeds a job does not know who else does."""
    claim = await started(store)

    assert await store.feed(claim.job_id, texts("0", "1")) == 0
    assert await store.feed(claim.job_id, texts("2")) == 2

    assert await log_of(store, claim.job_id) == texts("0", "1", "2")


async def test_settling_twice_keeps_the_first(store: Store) -> None:
    """P2: the first wins."""
    claim = await started(store)

    assert await store.settle(claim.job_id, DONE)
    assert not await store.settle(claim.job_id, Cancelled())
    assert not await store.settle(new_id(), DONE)

    assert (await record_of(store, claim.job_id)).outcome == DONE
    with pytest.raises(Fenced):
        await store.feed(claim.job_id, texts("0"))


async def test_a_job_that_waits_can_be_settled(store: Store) -> None:
    """Its end may be decided before its turn comes."""
    await started(store, new_job(queue=queue()))
    waiting = new_job(queue=queue())
    await store.submit(waiting)

    assert await store.settle(waiting.job_id, DONE)

    assert (await store.counts())[State.QUEUED] == 0


async def test_the_slot_of_a_settled_job_is_found_by_take(store: Store) -> None:
    """`settle` returns no claims: who settles asks for them."""
    claim = await started(store, new_job(queue=queue()))
    waiting = new_job(queue=queue())
    await store.submit(waiting)
    await store.settle(claim.job_id, DONE)

    [successor] = await store.take()

    assert successor.job_id == waiting.job_id


async def test_a_queued_job_is_cancelled_at_once(store: Store, engine: Engine) -> None:
    """There is nobody to wait for."""
    claim = await started(store, new_job(queue=queue()))
    waiting = new_job(queue=queue())
    await store.submit(waiting)

    assert await store.cancel(waiting.job_id) is CancelResult.CANCELLED

    record = await record_of(store, waiting.job_id)
    assert record.outcome == Cancelled()
    assert (record.started_at, record.ended_at) == (None, engine.clock.now)
    assert await store.finish(claim, DONE, 0, []) == ()


async def test_a_running_job_is_only_asked_to_end(store: Store) -> None:
    """Its owner ends it, and its outcome may come first."""
    claim = await started(store)

    assert await store.cancel(claim.job_id) is CancelResult.REQUESTED
    assert await store.cancel(claim.job_id) is CancelResult.REQUESTED

    assert (await record_of(store, claim.job_id)).state is State.RUNNING
    await store.finish(claim, DONE, 0, [])
    assert (await record_of(store, claim.job_id)).outcome == DONE


async def test_what_is_over_cannot_be_cancelled(store: Store) -> None:
    """The answer to the client is `"cancelled": false`."""
    claim = await started(store)
    await store.finish(claim, DONE, 0, [])

    assert await store.cancel(claim.job_id) is CancelResult.FINISHED
    assert await store.cancel(new_id()) is CancelResult.UNKNOWN
