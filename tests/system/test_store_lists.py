"""What every engine of the store promises: lists of jobs and of queues."""

from __future__ import annotations

from typing import Any

import pytest
from new_jobs import new_id, new_job, queue
from store_engines import Engine
from stored import DONE, ended, queued, started

from harpcaller.store import FedFilter, JobFilter, NewJob, OnLoss, Store
from protocol.job import JobId, State
from protocol.jsontext import canonical

EVERYTHING = JobFilter()


async def ids(store: Store, where: JobFilter, limit: int = 100) -> list[JobId]:
    """Return the ids of all jobs that match, page by page."""
    found: list[JobId] = []
    after: str | None = None
    while True:
        page = await store.jobs(where, after, limit)
        assert len(page.jobs) <= limit
        found += [record.job_id for record in page.jobs]
        if page.after is None:
            return found
        assert page.jobs
        after = page.after


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
async def test_jobs_are_listed_in_the_order_of_submission(
    store: Store, limit: int
) -> None:
    """Pages of any size give the same list."""
    jobs = [new_job() for _ in range(5)]
    for job in jobs:
        await store.submit(job)

    assert await ids(store, EVERYTHING, limit) == [job.job_id for job in jobs]


async def test_a_list_is_not_disturbed_by_what_comes_meanwhile(store: Store) -> None:
    """No job is listed twice, none that stays is left out."""
    jobs = [new_job() for _ in range(4)]
    for job in jobs:
        await store.submit(job)

    page = await store.jobs(EVERYTHING, None, 2)
    await store.submit(new_job())
    rest = await store.jobs(EVERYTHING, page.after, 2)

    listed = [record.job_id for record in (*page.jobs, *rest.jobs)]
    assert listed == [job.job_id for job in jobs]


async def test_an_empty_store_lists_nothing(store: Store) -> None:
    """There is no page after the first."""
    page = await store.jobs(EVERYTHING, None, 10)

    assert (page.jobs, page.after) == ((), None)


async def test_jobs_are_listed_by_state(store: Store) -> None:
    """`list` shows what has not ended."""
    over = await ended(store)
    runs = (await started(store, new_job(queue=queue()))).job_id
    waits = await queued(store, new_job(queue=queue()))

    assert await ids(store, JobFilter(state=State.ENDED)) == [over]
    assert await ids(store, JobFilter(state=State.RUNNING)) == [runs]
    assert await ids(store, JobFilter(state=State.QUEUED)) == [waits]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"host": "web"}, {"host": "web"}),
        ({"procedure": "ping"}, {"procedure": "ping"}),
        ({"label": "nightly"}, {"label": "nightly"}),
        ({"queue": queue("x")}, {"queue": canonical({"name": "x"})}),
    ],
)
async def test_jobs_are_listed_by_what_they_are(
    store: Store, fields: dict[str, Any], where: dict[str, Any]
) -> None:
    """Each condition alone; ended jobs too, also of a queue that is gone."""
    await ended(store)
    over = await ended(store, new_job(**fields))
    runs = (await started(store, new_job(**fields))).job_id

    assert await ids(store, JobFilter(**where)) == [over, runs]
    assert await ids(store, JobFilter(**where, state=State.RUNNING)) == [runs]
    assert await ids(store, JobFilter(**where, submitted_before=0)) == []


async def test_jobs_are_listed_by_parent(store: Store) -> None:
    """A workflow shows its children."""
    parent = await started(store)
    children = [new_job(parent=parent.job_id) for _ in range(3)]
    for child in children:
        await store.submit(child)

    listed = await ids(store, JobFilter(parent=parent.job_id), 2)

    assert listed == [child.job_id for child in children]
    assert await ids(store, JobFilter(parent=new_id())) == []


async def test_jobs_are_listed_by_age(store: Store, engine: Engine) -> None:
    """`submitted_before` is exclusive."""
    old = await ended(store)
    engine.clock.now += 10
    await ended(store)

    before = JobFilter(submitted_before=engine.clock.now)

    assert await ids(store, before) == [old]


async def test_jobs_are_listed_by_a_part_of_their_id(store: Store) -> None:
    """People paste what they remember, with or without the dashes."""
    job = new_job(JobId("0123abcd-4567-89ab-cdef-001122334455"))
    await ended(store)
    await store.submit(job)

    for part in ("0123abcd", "ABCD-4567", "cdef0011", job.job_id, "334455"):
        assert await ids(store, JobFilter(id_part=part)) == [job.job_id]
    assert await ids(store, JobFilter(id_part="0123abcd-4567-89ab-cdef-1")) == []


async def test_jobs_are_found_by_the_beginning_of_their_id(store: Store) -> None:
    """In the order of ids; what has it further behind is not meant."""
    starts = ("0123abcd-4568", "0123abcd-4567", "0123abce-0000", "ff230123-abcd")
    jobs = [new_job(JobId(f"{start}-89ab-cdef-001122334455")) for start in starts]
    for job in jobs:
        await store.submit(job)

    async def found(start: str, limit: int = 10) -> list[JobId]:
        return [record.job_id for record in await store.find(start, limit)]

    first, second, third, fourth = (job.job_id for job in jobs)
    assert await found("0123ABCD") == [second, first]
    assert await found("0123-abcd") == [second, first]
    assert await found("0123", 2) == [second, first]
    assert await found("0123abce") == [third]
    assert await found("f") == [fourth]
    assert await found(first) == [first]
    assert await found(f"{first}0") == []
    assert await found("abcd") == []


async def test_a_filter_that_nothing_matches_ends(store: Store) -> None:
    """Also with much to look through."""
    for _ in range(50):
        await store.submit(new_job())

    assert await ids(store, JobFilter(label="none"), 3) == []


async def test_queues_are_listed_with_their_jobs(store: Store) -> None:
    """Each page has what the queue holds at that instant."""
    runs = (await started(store, new_job(queue=queue("a", 2)))).job_id
    await started(store, new_job())
    also = (await started(store, new_job(queue=queue("a", 2)))).job_id
    await queued(store, new_job(queue=queue("a", 2)))

    [head] = (await store.queues(None, 10)).queues

    assert head.name == queue("a").name
    assert head.running == (runs, also)
    assert (head.concurrency, head.queued, head.is_paused) == (2, 1, False)


def fed_job(**fields: Any) -> NewJob:
    """Return a job that is fed."""
    return new_job(on_loss=OnLoss.FED, **fields)


async def test_fed_jobs_are_listed_the_newest_first(store: Store) -> None:
    """No other jobs are, of whatever host."""
    jobs = [fed_job() for _ in range(5)]
    for job in jobs:
        await store.submit(job)
        await store.submit(new_job())
    await store.submit(fed_job(host="another"))
    ids = [job.job_id for job in jobs][::-1]
    of_host = FedFilter(host="host")

    assert await store.fed(of_host, None, 9) == ids
    assert await store.fed(of_host, None, 2) == ids[:2]
    assert await store.fed(of_host, ids[1], 2) == ids[2:4]
    assert await store.fed(of_host, ids[4], 2) == []
    assert await store.fed(of_host, new_id(), 2) == []


async def test_fed_jobs_are_found_by_whose_they_are_and_by_label(store: Store) -> None:
    """Both are asked for by those who must not see, or go through, all."""
    mine, other = fed_job(identity="me", label="a"), fed_job(identity="you", label="a")
    nameless = fed_job(identity="me")
    for job in (mine, other, nameless):
        await store.submit(job)

    of_me = await store.fed(FedFilter(host="host", identity="me"), None, 9)
    called_a = await store.fed(FedFilter(host="host", label="a"), None, 9)
    both = FedFilter(host="host", identity="me", label="a")

    assert of_me == [nameless.job_id, mine.job_id]
    assert called_a == [other.job_id, mine.job_id]
    assert await store.fed(both, None, 9) == [mine.job_id]


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_queues_are_listed_page_by_page(store: Store, limit: int) -> None:
    """Pages of any size give the same list, in the order of the digests."""
    specs = [queue(str(n)) for n in range(6)]
    for spec in specs:
        await store.submit(new_job(queue=spec))

    names = []
    after = None
    while True:
        page = await store.queues(after, limit)
        names += [head.name for head in page.queues]
        after = page.after
        if after is None:
            break

    specs.sort(key=lambda spec: spec.digest)
    assert names == [spec.name for spec in specs]


async def test_a_pause_without_jobs_is_listed(store: Store) -> None:
    """Else nobody could find out why nothing starts later."""
    await store.pause_queue(queue().name, paused=True)

    [head] = (await store.queues(None, 10)).queues

    assert head.is_paused
    assert (head.name, head.running, head.queued) == (queue().name, (), 0)


async def test_an_empty_queue_is_not_listed(store: Store) -> None:
    """P3: it is gone."""
    claim = await started(store, new_job(queue=queue()))
    waits = await queued(store, new_job(queue=queue()))
    await store.cancel(waits)
    await store.finish(claim, DONE, 0, [])

    assert (await store.queues(None, 10)).queues == ()
