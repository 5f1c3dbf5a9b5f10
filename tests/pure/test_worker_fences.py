"""Which claim of a job a worker still carries out."""

from __future__ import annotations

import uuid

import pytest

from harpcaller.worker.fences import MAX_JOBS, Fences
from protocol.harp import HarpCall
from protocol.harp_worker import Refused
from protocol.job import JobId
from protocol.jsontext import JsonText

ONE = JobId(str(uuid.UUID(int=1)))


def a_call(fence: int | None, job_id: JobId | None = ONE, user: str = "a") -> HarpCall:
    """Return a claimed call."""
    return HarpCall(
        procedure="ping",
        arguments=JsonText(b"[]"),
        user=user,
        password="",
        job_id=job_id,
        fence=fence,
    )


def test_a_lower_fence_is_refused() -> None:
    """The same one may come twice: its first request may have been lost."""
    fences = Fences()

    fences.check(a_call(2))
    fences.check(a_call(2))
    with pytest.raises(Refused, match="fence 2 before"):
        fences.check(a_call(1))
    fences.check(a_call(3))


def test_jobs_of_others_are_others() -> None:
    """An id may be guessed or overheard."""
    fences = Fences()
    fences.check(a_call(9, user="mallory"))

    fences.check(a_call(1))
    fences.check(a_call(None))
    fences.check(a_call(0, job_id=None))


def test_the_latest_jobs_are_remembered() -> None:
    """Memory is bounded, whatever runs through."""
    fences = Fences()
    for number in range(1, MAX_JOBS + 2):
        fences.check(a_call(2, JobId(str(uuid.UUID(int=number)))))

    fences.check(a_call(1))
    with pytest.raises(Refused):
        fences.check(a_call(1, JobId(str(uuid.UUID(int=9)))))
