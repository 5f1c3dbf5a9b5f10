"""Packets of jobs that nobody runs: kept, and shown to who reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harpcaller.dispatch.job import Job
from harpcaller.runners.external import Keep
from harpcaller.store import Store, Write
from protocol.job import JobId
from protocol.jsontext import JsonText


def feeder(store: Store, jobs: Mapping[JobId, Job]) -> Keep:
    """Return what adds packets to a fed job; `jobs` are the live ones."""

    def feed(job_id: JobId, packets: Sequence[JsonText]) -> Write[int]:
        write = store.feed(job_id, packets)

        def tell(_: Write[int]) -> None:
            job = jobs.get(job_id)
            if write.error is None and job is not None:
                job.keep(write.result(), packets)

        write.when_done(tell)
        return write

    return feed
