"""Operations of the gateway without one: what routes of adapters ask for, noted."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import attrs

from harpcaller.adapters.machine import Post
from harpcaller.adapters.route import Accepted
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord
from protocol.outcome import Cancelled, Outcome

T = TypeVar("T")
JOB = JobId("0b1c6f4e-0000-4000-8000-000000000000")


@attrs.define
class ScriptedMeans:
    """Accepts every call as the job `JOB`; knows the jobs that it is given.

    With `refusal` nothing is submitted. Jobs that it was not given end as `ends`.
    """

    jobs: dict[JobId, JobRecord] = attrs.field(factory=dict)
    ends: Outcome = attrs.field(factory=Cancelled)
    hindering: Sequence[str] = ()
    refusal: WireError | None = None
    calls: list[Call] = attrs.field(factory=list)
    kept: dict[str, bytes] = attrs.field(factory=dict)
    waited_s: list[float] = attrs.field(factory=list)
    posts: list[Post] = attrs.field(factory=list)
    fed: Any = None  # what there is of jobs that nobody runs

    async def submit(self, call: Call) -> Accepted:
        """See `Operations.submit`."""
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(call)
        return Accepted(job_id=JOB)

    async def outcome(self, job_id: JobId) -> Outcome:
        """See `Operations.outcome`."""
        record = self.jobs.get(job_id)
        return (record and record.outcome) or self.ends

    async def outcome_within(self, job_id: JobId, seconds: float) -> Outcome | None:
        """See `Operations.outcome_within`."""
        self.waited_s.append(seconds)
        return self.jobs[job_id].outcome

    async def job(self, job_id: JobId) -> JobRecord:
        """See `Operations.job`."""
        if job_id not in self.jobs:
            raise WireError(ErrorType.INVALID_JOBID, "no job with this id")
        return self.jobs[job_id]

    async def hindrances(self) -> Sequence[str]:
        """See `Operations.hindrances`."""
        return self.hindering

    async def installation(self) -> str:
        """See `Operations.installation`."""
        return "ab" * 32

    async def document(self, name: str) -> bytes | None:
        """See `Operations.document`."""
        return self.kept.get(name)

    async def documents(self) -> Sequence[str]:
        """See `Operations.documents`."""
        return sorted(self.kept)

    async def keep(self, name: str, body: bytes | None) -> None:
        """See `Operations.keep`."""
        if body is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = body

    async def post(self, post: Post) -> None:
        """See `Operations.post`."""
        self.posts.append(post)


def done(handling: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that waits for nothing of the loop's."""
    try:
        handling.send(None)
    except StopIteration as over:
        result: T = over.value
        return result
    raise AssertionError("it waits")
