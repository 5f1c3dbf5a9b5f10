"""The messages about a job, as each kind of monitor reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, assert_never

import attrs

from harpcaller.adapters.panoptes.reporting_backlog import Rank
from protocol.job import JobId
from protocol.jsontext import JsonValue
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

MAX_TEXT: Final = 1000
_RANKS: Final = {
    "info": Rank.TALK,
    "job_finished": Rank.END,
    "job_error": Rank.END,
    "workflow_success": Rank.END,
}


@attrs.frozen(kw_only=True)
class ReportedJob:
    """A job as a monitor is told of it; `number` is its id for those who count."""

    job_id: JobId
    number: int
    host: str
    procedure: str
    input: tuple[str, ...] = ()
    has_secrets: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.host}:{self.procedure}"


@attrs.frozen(kw_only=True)
class Message:
    """Something that happened in a workflow, with the job that it happened to."""

    level: str
    job: ReportedJob
    at: float
    more: Mapping[str, JsonValue] = attrs.field(factory=dict)

    def for_m1(self) -> dict[str, JsonValue]:
        """Return it as the specification wants it: each has the job and its parts."""
        return {
            "level": self.level,
            "jobid": self.job.job_id,
            "name": self.job.name,
            "input": [*self.job.input],
            "output": [],
            "log": [self.job.job_id],
            **self.more,
        }

    def for_legacy(self) -> dict[str, JsonValue]:
        """Return it as Snakemake would say it, its jobs numbered.

        The time in it tells a message that is sent again from one like it.
        """
        found = self.for_m1() if self.level == "job_info" else {**self.more}
        number = self.job.number
        if self.level == "job_started":
            return {"level": self.level, "jobs": [number], "timestamp": self.at}
        told: dict[str, JsonValue] = {**found, "level": self.level}
        if self.level not in _OF_ALL:
            told["jobid"] = number
        return {**told, "timestamp": self.at}


_OF_ALL: Final = frozenset({"progress", "workflow_success"})


def job_info(job: ReportedJob, at: float) -> Message:
    """Return what introduces a job."""
    more: dict[str, JsonValue] = {
        "wildcards": {"host": job.host, "job_id": job.job_id},
        "msg": job.name,
        "is_checkpoint": False,
    }
    return Message(level="job_info", job=job, at=at, more=more)


def start(job: ReportedJob, at: float) -> Sequence[Message]:
    """Return what is said when a job starts."""
    return job_info(job, at), Message(level="job_started", job=job, at=at)


def rank_of(message: Message) -> Rank:
    """Return how much a message would be missed."""
    return _RANKS.get(message.level, Rank.COURSE)


def text_of(outcome: Outcome, *, has_secrets: bool = False) -> str:
    """Return what is said of an end that is no result.

    Of a job that `has_secrets` it is the type alone: a worker may repeat them.
    """
    match outcome:
        case Returned():
            return "returned"
        case Cancelled():
            return "cancelled: it was asked for"
        case Raised(type=type_, message=message) | Failed(type=type_, message=message):
            said = "its arguments are sealed" if has_secrets else message
            return f"{type_}: {said}"[:MAX_TEXT]
    assert_never(outcome)
