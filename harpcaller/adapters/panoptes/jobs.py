"""The jobs of one workflow, from what its client said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs

from harpcaller.adapters.panoptes.updates import job_id_text, level_of
from protocol.jsontext import JsonValue


class JobState(StrEnum):
    """Where a workflow's job is."""

    PENDING = "Pending"
    RUNNING = "Running"
    DONE = "Done"
    ERROR = "Error"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"  # it ran when its workflow ended


FIELDS: Final = (
    "name",
    "input",
    "output",
    "log",
    "wildcards",
    "msg",
    "is_checkpoint",
    "shellcmd",
)
MAX_STARTED: Final = 10_000  # by one message: more would keep the loop for too long
_BY_LEVEL: Final[Mapping[str, JobState]] = {
    "job_info": JobState.RUNNING,
    "job_finished": JobState.DONE,
    "job_error": JobState.ERROR,
}
_BY_STATUS: Final[Mapping[str, JobState]] = {
    "pending": JobState.PENDING,
    "running": JobState.RUNNING,
    "completed": JobState.DONE,
    "error": JobState.ERROR,
    "cancelled": JobState.CANCELLED,
}
_OVER: Final = frozenset({JobState.DONE, JobState.ERROR, JobState.CANCELLED})


@attrs.define
class Job:
    """One job; times are UTC seconds by our clock."""

    job_id: JsonValue
    state: JobState = JobState.PENDING
    started_at: float | None = None
    ended_at: float | None = None
    fields: dict[str, Any] = attrs.field(factory=dict)

    @property
    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self.state is JobState.RUNNING

    def enter(self, state: JobState, at: float) -> None:
        """Take note of a state; a job that runs again begins anew."""
        if state is JobState.RUNNING and not self.is_running:
            self.started_at, self.ended_at = at, None
        if state in _OVER:
            self.ended_at = at
        self.state = state


class JobTable:
    """All jobs, in the order in which they were first heard of."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._counts: Counter[JobState] = Counter()  # asked for at every update

    def take(self, message: Mapping[str, Any], at: float) -> None:
        """Take note of what a message says of jobs."""
        level = level_of(message)
        if level == "job_started" and isinstance(message.get("jobs"), list):
            for job_id in message["jobs"][:MAX_STARTED]:
                self._enter(job_id, JobState.RUNNING, at)
        job_id = message.get("jobid")
        key = job_id_text(job_id)
        if key is None:
            return
        self._enter(job_id, self._state(key, level, message), at)
        known = {name: message[name] for name in FIELDS if message.get(name)}
        self.jobs[key].fields.update(known)

    def count(self, state: JobState) -> int:
        """Return how many are in a state."""
        return self._counts[state]

    @property
    def is_any_running(self) -> bool:
        """Tell whether one runs."""
        return self._counts[JobState.RUNNING] > 0

    def failed(self) -> list[JsonValue]:
        """Return the ids of those that failed last, as text."""
        if not self._counts[JobState.ERROR]:
            return []
        return [key for key, job in self.jobs.items() if job.state is JobState.ERROR]

    def _state(self, key: str, level: str, message: Mapping[str, Any]) -> JobState:
        """Return the state that a message means, the one that it was in if none."""
        if level in _BY_LEVEL:
            return _BY_LEVEL[level]
        status = message.get("status")
        if isinstance(status, str) and status.lower() in _BY_STATUS:
            return _BY_STATUS[status.lower()]
        if level == "error":
            return JobState.ERROR
        known = self.jobs.get(key)
        return JobState.RUNNING if known is None else known.state

    def _enter(self, job_id: JsonValue, state: JobState, at: float) -> None:
        key = job_id_text(job_id)
        if key is None:
            return
        job = self.jobs.get(key)
        if job is None:
            job = self.jobs[key] = Job(job_id)
        else:
            self._counts[job.state] -= 1
        job.enter(state, at)
        self._counts[state] += 1
