"""Short ways to begin a job in a store and to read what it holds of one."""

from __future__ import annotations

from new_jobs import new_job

from harpcaller.store import Claim, NewJob, Store
from protocol.job import JobId, JobRecord
from protocol.jsontext import JsonText
from protocol.outcome import Returned

DONE = Returned(JsonText(b'"done"'))


async def started(store: Store, job: NewJob | None = None) -> Claim:
    """Submit a job that may run at once; return its claim."""
    [claim] = (await store.submit(job or new_job())).claims
    return claim


async def ended(store: Store, job: NewJob | None = None) -> JobId:
    """Submit a job that may run at once, and end it; return its id."""
    claim = await started(store, job)
    await store.finish(claim, DONE, 0, [])
    return claim.job_id


async def queued(store: Store, job: NewJob) -> JobId:
    """Submit a job that has to wait; return its id."""
    assert (await store.submit(job)).claims == ()
    return job.job_id


async def record_of(store: Store, job_id: JobId) -> JobRecord:
    """Return the record of a job that exists."""
    record = await store.get(job_id)
    assert record is not None
    return record


async def log_of(store: Store, job_id: JobId) -> list[bytes]:
    """Return all packets of a job."""
    page = await store.read_log(job_id, 0, max_packets=10**6, max_bytes=10**9)
    assert page.first == 0
    return list(page.packets)


def texts(*words: str) -> list[JsonText]:
    """Return each word as the JSON text it is."""
    return [JsonText(word.encode()) for word in words]
