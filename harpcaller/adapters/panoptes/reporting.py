"""What a monitor is told of our own jobs: workflows, and their messages in order.

A workflow is a busy time of a group of jobs: it begins with the first one, and ends
when none has been live for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from harpcaller.adapters.monitors import GroupBy, ReportingSettings
from harpcaller.adapters.panoptes.reporting_backlog import Backlog, Rank
from harpcaller.adapters.panoptes.reporting_messages import (
    Message,
    ReportedJob,
    job_info,
    rank_of,
    start,
    text_of,
)
from protocol.job import JobId, JobSeen
from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import Outcome, Returned

MONITORS: Final = (
    "@panoptes"  # its jobs are told to us: to tell them on would be a loop
)
MAX_PACKET_BYTES: Final = 4096
MAX_ARGUMENTS_BYTES: Final = 1024
MAX_GROUP_CHARACTERS: Final = 150  # of a workflow's name, which may have 256
_DEFAULT: Final = "default"


@attrs.define(eq=False)
class Workflow:
    """One busy time of a group. `id` is the monitor's, None until it is created."""

    name: str
    id: str | None = None
    location: str | None = None
    is_known: bool = False  # the monitor has taken something of it
    done: int = 0
    failed: int = 0
    live: dict[JobId, ReportedJob] = attrs.field(factory=dict)
    started: set[JobId] = attrs.field(factory=set)
    idle_since: float | None = None
    last: ReportedJob | None = None
    _count: int = 0

    @property
    def total(self) -> int:
        """How many jobs it has had."""
        return self._count

    def add(self, seen: JobSeen, arguments: tuple[str, ...]) -> ReportedJob:
        """Return a job of it: the one that is live, or a new one."""
        job = self.live.get(seen.job_id)
        if job is None:
            self._count += 1
            job = ReportedJob(
                job_id=seen.job_id,
                number=self._count,
                host=seen.host,
                procedure=seen.procedure,
                input=arguments,
                has_secrets=seen.has_secrets,
            )
            self.live[seen.job_id] = job
            self.idle_since = None
        return job


class Report:
    """Turns what becomes of jobs into messages; owns the workflows that are open."""

    def __init__(
        self, settings: ReportingSettings, dispatcher: str, max_backlog: int
    ) -> None:
        self.settings = settings
        self._dispatcher = dispatcher
        self._open: dict[str, Workflow] = {}
        self._of_job: dict[JobId, str] = {}
        self.backlog: Backlog[tuple[Workflow, Message]] = Backlog(max_backlog)

    @property
    def workflows(self) -> Sequence[Workflow]:
        """Those that are open."""
        return tuple(self._open.values())

    def submitted(self, seen: JobSeen, at: float) -> None:
        """Take that a job was accepted; it is told when it starts."""
        if seen.host != MONITORS:
            self._add(seen, at)

    def started(self, seen: JobSeen, at: float) -> None:
        """Take that a job runs."""
        if seen.host != MONITORS:
            workflow, job = self._add(seen, at)
            self._tell_start(workflow, job, at)

    def streamed(self, job_id: JobId, texts: Sequence[JsonText], at: float) -> None:
        """Take packets of a job."""
        workflow = self._workflow_of(job_id)
        job = None if workflow is None else workflow.live.get(job_id)
        if workflow is None or job is None or job.has_secrets:
            return
        for text in texts:
            said = text[:MAX_PACKET_BYTES].decode(errors="ignore")
            message = Message(level="info", job=job, at=at, more={"msg": said})
            self._say(workflow, message)

    def ended(self, job_id: JobId, outcome: Outcome, at: float) -> None:
        """Take how a job ended; one that nobody told of before is none of ours."""
        workflow = self._workflow_of(job_id)
        job = None if workflow is None else workflow.live.pop(job_id, None)
        self._of_job.pop(job_id, None)
        if workflow is None or job is None:
            return
        if job_id not in workflow.started:  # it was cancelled while it waited
            self._say(workflow, job_info(job, at))
        workflow.started.discard(job_id)
        if isinstance(outcome, Returned):
            workflow.done += 1
            self._say(workflow, Message(level="job_finished", job=job, at=at))
        else:
            workflow.failed += 1
            more = {"msg": text_of(outcome, has_secrets=job.has_secrets)}
            self._say(workflow, Message(level="job_error", job=job, at=at, more=more))
        counts = {"done": workflow.done, "total": workflow.total}
        self._say(workflow, Message(level="progress", job=job, at=at, more=counts))
        workflow.last = job
        if not workflow.live:
            workflow.idle_since = at

    def close_idle(self, at: float) -> float | None:
        """Close what has been idle for long enough; return when to look next."""
        soonest: float | None = None
        for key, workflow in tuple(self._open.items()):
            if workflow.idle_since is None:
                continue
            due = workflow.idle_since + self.settings.idle_close_s
            if due <= at:
                self._close(key, workflow, at)
            elif soonest is None or due < soonest:
                soonest = due
        return soonest

    def close_all_idle(self, at: float) -> None:
        """Close what has no live job: we are about to stop."""
        for key, workflow in tuple(self._open.items()):
            if workflow.idle_since is not None:
                self._close(key, workflow, at)

    def forget(self, workflow: Workflow, at: float) -> None:
        """Have a workflow that its monitor has lost created anew, with what is live.

        That is told once, until the monitor has taken something of it.
        """
        workflow.id = workflow.location = None
        if not workflow.is_known:
            return
        workflow.is_known = False
        for job in reversed(workflow.live.values()):
            if job.job_id in workflow.started:
                for message in reversed(start(job, at)):
                    self.backlog.put_first((workflow, message), Rank.COURSE)

    def _add(self, seen: JobSeen, at: float) -> tuple[Workflow, ReportedJob]:
        key = self._of_job.get(seen.job_id)
        if key is None:
            key = self._of_job[seen.job_id] = self._key(seen)
        workflow = self._open.get(key)
        if workflow is None:
            name = f"{self._dispatcher}/{key[:MAX_GROUP_CHARACTERS]}/{_time(at)}"
            workflow = self._open[key] = Workflow(name)
        return workflow, workflow.add(seen, self._input(seen.arguments))

    def _key(self, seen: JobSeen) -> str:
        if self.settings.group_by is GroupBy.JOB:
            return str(seen.job_id)
        if self.settings.group_by is GroupBy.WORKFLOW:
            found = _named_in(seen.info)
            if found is not None:
                return found
        return _DEFAULT if seen.queue is None else seen.queue.decode()

    def _input(self, arguments: JsonText) -> tuple[str, ...]:
        if not self.settings.report_arguments:
            return ()
        return (arguments[:MAX_ARGUMENTS_BYTES].decode(errors="ignore"),)

    def _workflow_of(self, job_id: JobId) -> Workflow | None:
        key = self._of_job.get(job_id)
        return None if key is None else self._open.get(key)

    def _tell_start(self, workflow: Workflow, job: ReportedJob, at: float) -> None:
        workflow.started.add(job.job_id)
        for message in start(job, at):
            self._say(workflow, message)

    def _close(self, key: str, workflow: Workflow, at: float) -> None:
        del self._open[key]
        if not workflow.failed and workflow.last is not None:
            message = Message(level="workflow_success", job=workflow.last, at=at)
            self._say(workflow, message)

    def _say(self, workflow: Workflow, message: Message) -> None:
        self.backlog.put((workflow, message), rank_of(message))


def _named_in(info: JsonText) -> str | None:
    """Return the workflow that a call's info names, if it does."""
    value = decode(info)
    found = value.get("workflow") if isinstance(value, dict) else None
    if found is None:
        return None
    return found if isinstance(found, str) else encode(found).decode()


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
