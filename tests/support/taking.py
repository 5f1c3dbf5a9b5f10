"""Operations of a gateway that accepts every call, and a route asked without one."""

from __future__ import annotations

from typing import Any

from harpcaller.adapters.machine import Post
from harpcaller.adapters.route import Accepted, Answer, Asked, Route
from protocol.call import Call
from protocol.job import JobId
from protocol.outcome import Cancelled, Outcome

JOB = JobId("0b1c6f4e-0000-4000-8000-000000000000")


class Taking:
    """Keeps what was asked of it; every job ends as `ends`."""

    def __init__(self, ends: Outcome | None = None) -> None:
        self.calls: list[Call] = []
        self.posts: list[Post] = []
        self._ends = ends or Cancelled()

    async def submit(self, call: Call) -> Accepted:
        """Accept it."""
        self.calls.append(call)
        return Accepted(job_id=JOB)

    async def outcome(self, job_id: JobId) -> Outcome:
        """Return how it ended."""
        assert job_id == JOB
        return self._ends

    async def post(self, post: Post) -> None:
        """Keep it."""
        self.posts.append(post)


def answered(
    route: Route[Any], asked: Asked, operations: Taking, settings: Any
) -> Answer:
    """Return the answer of a route, which waits for nothing of the loop's."""
    handling: Any = route.handler(asked, operations, settings)
    try:
        handling.send(None)
    except StopIteration as over:
        answer: Answer = over.value
        return answer
    raise AssertionError("it waits")
