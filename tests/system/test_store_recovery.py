"""What every engine of the store promises: nothing told is lost by a restart."""

from __future__ import annotations

import pytest
from new_jobs import new_job, queue
from store_engines import Engine
from stored import DONE, ended, log_of, queued, record_of, started, texts

from harpcaller.store import Fenced, OnLoss
from protocol.call import Sealed
from protocol.errors import ErrorType
from protocol.job import State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Failed


async def test_what_ran_ends_as_missing_result(engine: Engine) -> None:
    """P2: nothing is run twice unless the call itself asked for it."""
    store, _ = await engine.open()
    claim = await started(store)
    await store.append(claim, 0, texts("0", "1"))
    engine.clock.now += 9

    store, opened = await engine.open()

    record = await record_of(store, claim.job_id)
    assert (opened.lost, opened.requeued, opened.claims) == (1, 0, ())
    assert isinstance(record.outcome, Failed)
    assert record.outcome.type == ErrorType.MISSING_RESULT
    assert record.ended_at == engine.clock.now
    assert record.packets == 2
    assert await log_of(store, claim.job_id) == texts("0", "1")


async def test_what_had_ended_stays_as_it_was(engine: Engine) -> None:
    """P2: an outcome that was told never changes."""
    store, _ = await engine.open()
    job_id = await ended(store)
    told = await store.get(job_id)

    store, opened = await engine.open()

    assert opened.lost == 0
    assert await store.get(job_id) == told


async def test_waiting_jobs_survive_in_their_order(engine: Engine) -> None:
    """P3, G3."""
    store, _ = await engine.open()
    await started(store, new_job(queue=queue()))
    waiting = [await queued(store, new_job(queue=queue())) for _ in range(4)]

    store, opened = await engine.open()
    assert opened.claims == ()
    claims = list(await store.take())
    while len(claims) < len(waiting):
        claims += await store.finish(claims[-1], DONE, 0, [])

    assert [claim.job_id for claim in claims] == waiting


async def test_take_starts_all_that_may_run_and_no_more(engine: Engine) -> None:
    """After a start the dispatcher asks once."""
    store, _ = await engine.open(max_running=1)
    await started(store, new_job(queue=queue("a", 2)))
    held = [
        await queued(store, new_job(queue=spec))
        for spec in (queue("a", 2), queue("b"), queue("a", 2), queue("a", 2), None)
    ]

    store, _ = await engine.open(max_running=3)
    claims = await store.take()

    assert len(claims) == 3
    assert {claim.job_id for claim in claims} <= {held[0], held[1], held[2], held[4]}
    assert await store.take() == ()


async def test_a_retry_waits_at_its_old_place(engine: Engine) -> None:
    """G3: it was submitted before those that wait."""
    store, _ = await engine.open()
    claim = await started(store, new_job(queue=queue(), retries=1))
    await queued(store, new_job(queue=queue()))
    await store.append(claim, 0, texts("0"))
    engine.clock.now += 9

    store, opened = await engine.open()
    waiting = await record_of(store, claim.job_id)
    [again] = await store.take()

    assert (opened.lost, opened.requeued) == (0, 1)
    assert (waiting.state, waiting.packets) == (State.QUEUED, 1)
    assert again.job_id == claim.job_id
    assert (again.fence, again.record.starts) == (2, 2)
    assert again.record.started_at == claim.record.started_at
    assert again.record.packets == 1


async def test_packet_numbers_go_on_after_a_retry(engine: Engine) -> None:
    """DESIGN 7: its log goes on."""
    store, _ = await engine.open()
    claim = await started(store, new_job(retries=1))
    await store.append(claim, 0, texts("0"))

    store, _ = await engine.open()
    [again] = await store.take()
    await store.append(again, 1, texts("1"))
    await store.finish(again, DONE, 2, [])

    assert await log_of(store, claim.job_id) == texts("0", "1")


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_a_job_is_started_once_and_as_often_as_it_may(
    engine: Engine, retries: int
) -> None:
    """G4: at most 1 + retries."""
    store, _ = await engine.open()
    claim = await started(store, new_job(retries=retries, on_loss=OnLoss.RETRY))
    starts = 1

    while True:
        store, _ = await engine.open()
        claims = await store.take()
        if not claims:
            break
        starts += 1

    assert starts == 1 + retries
    record = await record_of(store, claim.job_id)
    assert record.starts == starts
    assert isinstance(record.outcome, Failed)


async def test_a_job_that_goes_on_has_a_new_fence(engine: Engine) -> None:
    """G6: who held the claim before must not write any more."""
    store, _ = await engine.open()
    claim = await started(store, new_job(on_loss=OnLoss.RESUME))
    await store.append(claim, 0, texts("0"))

    store, opened = await engine.open()

    [again] = opened.claims
    assert again.job_id == claim.job_id
    assert again.fence == claim.fence + 1
    assert again.on_loss is OnLoss.RESUME
    assert again.record.packets == 1
    with pytest.raises(Fenced):
        await store.append(claim, 1, texts("1"))
    with pytest.raises(Fenced):
        await store.finish(claim, DONE, 1, [])
    await store.append(again, 1, texts("1"))


async def test_a_job_that_is_fed_goes_on_without_room(engine: Engine) -> None:
    """However many there are, none waits, before a restart or behind it."""
    store, _ = await engine.open(max_running=1)
    claims = [await started(store, new_job(on_loss=OnLoss.FED)) for _ in range(3)]
    assert await store.feed(claims[0].job_id, texts("0", "1")) == 0

    store, opened = await engine.open(max_running=1)

    assert [claim.fence for claim in opened.claims] == [2, 2, 2]
    assert {claim.on_loss for claim in opened.claims} == {OnLoss.FED}
    assert await store.feed(claims[0].job_id, texts("2")) == 2
    await started(store, new_job())


async def test_a_job_that_goes_on_takes_a_noted_cancel_along(engine: Engine) -> None:
    """It may have children to end first; at the next start, or the one after that."""
    store, _ = await engine.open()
    claim = await started(store, new_job(on_loss=OnLoss.RESUME))
    await store.cancel(claim.job_id)

    await engine.open()
    store, opened = await engine.open()

    assert not claim.is_cancel_wished
    [again] = opened.claims
    assert again.is_cancel_wished
    assert (await record_of(store, claim.job_id)).state is State.RUNNING


@pytest.mark.parametrize("on_loss", [OnLoss.END, OnLoss.RETRY])
async def test_a_noted_cancel_ends_a_lost_job(engine: Engine, on_loss: OnLoss) -> None:
    """`"cancelled": true` was told: it is kept, and not tried again."""
    store, _ = await engine.open()
    claim = await started(store, new_job(retries=5, on_loss=on_loss))
    await store.cancel(claim.job_id)

    store, opened = await engine.open()

    assert opened.lost == 0
    assert (await record_of(store, claim.job_id)).outcome == Cancelled()


async def test_a_lost_job_frees_its_slot(engine: Engine) -> None:
    """P3: an empty queue is gone, also after a crash."""
    store, _ = await engine.open()
    await started(store, new_job(queue=queue("q", 1)))

    store, _ = await engine.open()

    assert (await store.queues(None, 10)).queues == ()
    await started(store, new_job(queue=queue("q", 2)))
    await started(store, new_job(queue=queue("q", 2)))


async def test_a_queue_keeps_its_concurrency(engine: Engine) -> None:
    """It was fixed by a job that may be gone."""
    store, _ = await engine.open()
    first = await started(store, new_job(queue=queue("q", 2)))
    await started(store, new_job(queue=queue("q", 7)))
    await queued(store, new_job(queue=queue("q", 7)))
    await store.finish(first, DONE, 0, [])

    store, _ = await engine.open()
    for _ in range(5):
        await store.submit(new_job(queue=queue("q", 7)))
    await store.take()

    [head] = (await store.queues(None, 10)).queues
    assert (head.concurrency, len(head.running)) == (7, 5)


async def test_a_pause_survives(engine: Engine) -> None:
    """Who paused a queue had a reason that a restart does not know."""
    store, _ = await engine.open()
    await store.pause_queue(queue().name, paused=True)
    await queued(store, new_job(queue=queue()))

    store, _ = await engine.open()

    assert await store.take() == ()
    assert len(await store.pause_queue(queue().name, paused=False)) == 1


async def test_keys_and_ids_are_known_after_a_restart(engine: Engine) -> None:
    """DESIGN 7: also after a crash."""
    store, _ = await engine.open()
    keyed, plain = new_job(key="k"), new_job()
    await store.submit(keyed)
    await store.submit(plain)

    store, _ = await engine.open()

    assert (await store.submit(new_job(key="k"))).job_id == keyed.job_id
    assert (await store.submit(plain)).is_duplicate


async def test_sealed_values_survive_while_the_job_waits(engine: Engine) -> None:
    """They are needed when its turn comes."""
    sealed = (
        Sealed(pointer="/1", value=JsonText(b'"b"')),
        Sealed(pointer="/0", value=JsonText(b'"a"')),
    )
    store, _ = await engine.open()
    await started(store, new_job(queue=queue()))
    await queued(store, new_job(queue=queue(), sealed=sealed))

    store, _ = await engine.open()
    [claim] = await store.take()

    assert claim.sealed == sealed


async def test_documents_survive_with_a_job_that_goes_on(engine: Engine) -> None:
    """A machine's replay needs them; those of an ended job are erased."""
    store, _ = await engine.open()
    going = await started(store, new_job(on_loss=OnLoss.RESUME))
    lost = await started(store)
    for claim in (going, lost):
        await store.put_doc(claim.job_id, "body", b"text")

    store, _ = await engine.open()

    assert await store.get_doc(going.job_id, "body") == b"text"
    assert await store.get_doc(lost.job_id, "body") is None


async def test_counts_survive(engine: Engine) -> None:
    """They are not counted anew by anybody."""
    store, _ = await engine.open()
    await ended(store)
    await started(store, new_job(queue=queue(), on_loss=OnLoss.RESUME))
    await queued(store, new_job(queue=queue()))

    store, _ = await engine.open()

    assert await store.counts() == {
        State.QUEUED: 1,
        State.RUNNING: 1,
        State.ENDED: 1,
    }


async def test_each_epoch_has_a_name_of_its_own(engine: Engine) -> None:
    """Two lives of one daemon are two owners."""
    _, first = await engine.open()
    _, second = await engine.open()

    assert first.epoch != second.epoch
    assert first.epoch.startswith("test-")
