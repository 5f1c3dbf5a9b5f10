"""The records that the SQLite store keeps in memory: bounded, and never older."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from new_jobs import new_id, queue

from harpcaller.store.sqlite.cache import RecordCache
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

MIB = 1024 * 1024


def record(job_id: JobId | None = None, **fields: Any) -> JobRecord:
    """Return a running job, but for `fields`."""
    known = {
        "job_id": job_id or new_id(),
        "state": State.RUNNING,
        "host": "host",
        "procedure": "procedure",
        "arguments": JsonText(b"[]"),
        "timeout_s": 1.0,
        "max_exec_s": 1.0,
        "submitted_at": 1.0,
        "starts": 1,
    }
    return JobRecord(**{**known, **fields})


def cache(max_records: int = 10, max_bytes: int = MIB) -> RecordCache:
    """Return an empty cache."""
    return RecordCache(max_records=max_records, max_bytes=max_bytes)


def test_what_is_put_is_found_until_it_is_forgotten() -> None:
    """And forgetting what is not there changes nothing."""
    records, job = cache(), record()
    records.put(job)

    assert records.get(job.job_id) is job

    records.forget(job.job_id)
    records.forget(job.job_id)
    assert records.get(job.job_id) is None


def test_the_one_not_asked_for_longest_leaves_first() -> None:
    """`get_status` is asked again and again for the same few jobs."""
    records, jobs = cache(max_records=2), [record() for _ in range(3)]
    records.put(jobs[0])
    records.put(jobs[1])
    records.get(jobs[0].job_id)

    records.put(jobs[2])

    assert [records.get(job.job_id) for job in jobs] == [jobs[0], None, jobs[2]]


@pytest.mark.parametrize(
    "fields",
    [
        {"arguments": JsonText(b"x" * 20_000)},  # once more in the status
        {"info": JsonText(b"x" * 20_000)},
        {"outcome": Returned(JsonText(b"x" * 40_000))},
        {"outcome": Raised(type="t", message="m", data=JsonText(b"x" * 40_000))},
        {"outcome": Failed(type="t", message="m" * 40_000)},
        {"queue": queue("x" * 40_000)},
    ],
)
def test_large_records_take_the_place_of_several(fields: dict[str, Any]) -> None:
    """Memory is bounded in bytes, whatever people put into a call."""
    records, large, later = cache(max_bytes=70_000), record(**fields), record(**fields)
    records.put(large)
    records.put(later)

    assert records.get(large.job_id) is None
    assert records.get(later.job_id) is later


def test_the_largest_are_not_kept() -> None:
    """One of them would push out all others."""
    records, small = cache(), record()
    large = record(arguments=JsonText(b"x" * MIB))
    records.put(small)
    records.put(large)

    assert records.get(large.job_id) is None
    assert records.get(small.job_id) is small


def test_room_comes_back() -> None:
    """Replacing and forgetting must not eat the room up."""
    records, job = cache(max_bytes=3000), record()
    for _ in range(50):
        records.put(job)
        records.put(attrs.evolve(job, packets=1))
        records.forget(job.job_id)

    records.put(job)

    assert records.get(job.job_id) is job


JOB_ID = new_id()
ENDED: list[Outcome] = [Returned(JsonText(b"1")), Cancelled()]


@pytest.mark.parametrize("outcome", ENDED)
def test_an_end_is_never_replaced(outcome: Outcome) -> None:
    """A reader may have seen the commit before older news came."""
    records = cache()
    end = record(JOB_ID, state=State.ENDED, outcome=outcome)
    records.put(end)

    records.put(record(JOB_ID, packets=9))

    assert records.get(JOB_ID) is end


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"state": State.QUEUED, "starts": 0}, {}),
        ({"packets": 1}, {"packets": 2}),
        ({"packets": 1}, {"starts": 2, "packets": 1}),
        ({}, {"state": State.ENDED, "outcome": Cancelled()}),
        ({"state": State.QUEUED, "starts": 0}, {"state": State.ENDED, "starts": 0}),
    ],
)
def test_of_two_records_the_newer_one_stays(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """In whichever order they come."""
    older, newer = record(JOB_ID, **first), record(JOB_ID, **second)
    records, backwards = cache(), cache()

    records.put(older)
    records.put(newer)
    backwards.put(newer)
    backwards.put(older)

    assert records.get(JOB_ID) is newer
    assert backwards.get(JOB_ID) is newer
