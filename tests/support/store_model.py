"""The plainest model of a store: lists of jobs, gone through from the start."""

from __future__ import annotations

import attrs

from harpcaller.store import CancelResult, KeyConflict, NewJob, OnLoss
from harpcaller.store.admission import Kind
from harpcaller.store.loss import LOST, kind_of, on_loss
from protocol.call import content_digest
from protocol.job import JobId, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Outcome

ALIVE = (State.QUEUED, State.RUNNING)


@attrs.define
class ModelJob:
    """What must be known of a job."""

    new: NewJob
    concurrency: int | None
    state: State = State.QUEUED
    starts: int = 0
    log: list[JsonText] = attrs.field(factory=list)
    outcome: Outcome | None = None
    is_cancel_wished: bool = False

    @property
    def kind(self) -> Kind:
        """Whose room it needs."""
        return kind_of(self.new.on_loss)

    @property
    def queue(self) -> bytes | None:
        """The name of its queue."""
        return None if self.new.call.queue is None else self.new.call.queue.name


class StoreModel:
    """Says what a store must answer. It never chooses who starts: it checks."""

    def __init__(self, max_running: int, max_queued: int) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self.jobs: dict[JobId, ModelJob] = {}
        self.paused: set[bytes] = set()
        self.ends: list[JobId] = []

    def of(self, *states: State) -> list[ModelJob]:
        """Return the jobs in these states, in the order of submission."""
        return [job for job in self.jobs.values() if job.state in states]

    def in_queue(self, queue: bytes | None, *states: State) -> list[ModelJob]:
        """Return the jobs of a queue in these states, in the order of submission."""
        return [job for job in self.of(*states) if job.queue == queue]

    def has_room(self, job: ModelJob) -> bool:
        """Tell whether the room of a job's kind has a place for one more."""
        mates = [each for each in self.of(State.RUNNING) if each.kind is job.kind]
        return len(mates) < self.max_running

    def may_start(self, job: ModelJob) -> bool:
        """Tell whether a queued job must not wait any longer."""
        running = self.in_queue(job.queue, State.RUNNING)
        waiting = self.in_queue(job.queue, State.QUEUED)
        return (
            job.queue not in self.paused
            and job is next((each for each in waiting if self.has_room(each)), None)
            and (job.concurrency is None or len(running) < job.concurrency)
        )

    def known(self, new: NewJob) -> JobId | None:
        """Return the job that a call stands for already.

        Raises:
            KeyConflict: its key stands for another call.
        """
        for job_id, job in self.jobs.items():
            if new.call.key is not None and job.new.call.key == new.call.key:
                is_same = content_digest(job.new.call) == content_digest(new.call)
                if not is_same and job_id != new.job_id:
                    raise KeyConflict
                return job_id
        return new.job_id if new.job_id in self.jobs else None

    def is_full(self) -> bool:
        """Tell whether no more jobs may wait."""
        return len(self.of(State.QUEUED)) >= self.max_queued

    def add(self, new: NewJob) -> ModelJob:
        """Let a job come; it waits until `start`."""
        queue = new.call.queue
        concurrency = None if queue is None else queue.concurrency
        mates = [] if queue is None else self.in_queue(queue.name, *ALIVE)
        if mates:
            concurrency = mates[0].concurrency
        job = self.jobs[new.job_id] = ModelJob(new, concurrency)
        return job

    def start(self, job_id: JobId, fence: int) -> None:
        """Check that a job may start, and let it."""
        job = self.jobs[job_id]
        assert job.state is State.QUEUED
        assert self.may_start(job)
        job.state = State.RUNNING
        job.starts += 1
        assert job.starts == fence

    def end(self, job: ModelJob, outcome: Outcome) -> None:
        """Let a job end."""
        assert job.outcome is None
        job.state, job.outcome = State.ENDED, outcome
        self.ends.append(job.new.job_id)

    def prune(self, limit: int) -> set[JobId]:
        """Forget the jobs that ended first."""
        gone, self.ends = self.ends[:limit], self.ends[limit:]
        for job_id in gone:
            del self.jobs[job_id]
        return set(gone)

    def cancel(self, job_id: JobId) -> CancelResult:
        """Cancel a job, and say what must be answered."""
        job = self.jobs.get(job_id)
        if job is None:
            return CancelResult.UNKNOWN
        if job.state is State.ENDED:
            return CancelResult.FINISHED
        if job.state is State.RUNNING:
            job.is_cancel_wished = True
            return CancelResult.REQUESTED
        self.end(job, Cancelled())
        return CancelResult.CANCELLED

    def crash(self) -> set[JobId]:
        """Lose the dispatcher; return the jobs that run on."""
        going = set()
        for job in self.of(State.RUNNING):
            loss = on_loss(job.new)
            if loss is OnLoss.RESUME:
                job.starts += 1
                going.add(job.new.job_id)
            elif job.is_cancel_wished:
                self.end(job, Cancelled())
            elif loss is OnLoss.RETRY and job.starts <= job.new.call.retries:
                job.state = State.QUEUED
            else:
                self.end(job, LOST)
        return going
