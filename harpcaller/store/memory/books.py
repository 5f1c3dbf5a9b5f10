"""Jobs, queues and logs in plain dictionaries: the operations, without waiting."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence

import attrs

from harpcaller.store import (
    CancelResult,
    Claim,
    Fenced,
    KeyConflict,
    NewJob,
    OnLoss,
    Submitted,
    TooManyQueued,
)
from harpcaller.store.admission import Admission, key_of
from harpcaller.store.loss import LOST, fate, kind_of, on_loss
from harpcaller.store.memory.kept import Kept
from protocol.call import QueueSpec, content_digest
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Outcome


class Books:
    """What the tables are to the real engine, and the same steps on them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.jobs: dict[JobId, Kept] = {}  # in the order of submission
        self.shared: dict[tuple[str, str], bytes] = {}
        self.admission = Admission(max_running=0, max_queued=0)
        self._keys: dict[tuple[str, str, str], JobId] = {}
        self._waiting: dict[bytes, deque[JobId]] = defaultdict(deque)

    def recover(
        self, max_running: int, max_queued: int
    ) -> tuple[tuple[Claim, ...], int, int]:
        """End, requeue or resume what ran; count all that has not ended anew."""
        pauses = self.admission.pauses
        self.admission = Admission(max_running=max_running, max_queued=max_queued)
        for key, name in pauses.items():
            self.admission.pause(key, name)
        self._waiting.clear()
        running = [job for job in self.jobs.values() if job.state is State.RUNNING]
        fates = [self._lose(job) for job in running]
        for job in self.jobs.values():
            if job.state is not State.ENDED:
                self._admit(job, runs=job.state is State.RUNNING)
        claims = tuple(job.claim() for job in running if job.state is State.RUNNING)
        return claims, fates.count(LOST), fates.count(OnLoss.RETRY)

    def _lose(self, job: Kept) -> Outcome | OnLoss:
        end = fate(
            on_loss(job.new),
            starts=job.record.starts,
            retries=job.record.retries,
            is_cancel_wished=job.is_cancel_wished,
        )
        if isinstance(end, OnLoss) and end.goes_on:
            job.record = attrs.evolve(job.record, starts=job.record.starts + 1)
        elif isinstance(end, OnLoss):
            job.record = attrs.evolve(job.record, state=State.QUEUED)
        else:
            self._end(job, end)
        return end

    # ── jobs ──
    def submit(self, new: NewJob) -> Submitted:
        """Keep a call, running where it may; see `Store.submit`."""
        known = self._find_known(new)
        if known is not None:
            return Submitted(job_id=known, is_duplicate=True)
        key = key_of(new.call.queue)
        runs = self.admission.may_run(key, kind_of(new.on_loss))
        if not runs and not self.admission.may_wait():
            raise TooManyQueued(f"{self.admission.max_queued} jobs wait already")
        job = self._keep(new, key)
        self._admit(job, runs=runs)
        return Submitted(job_id=new.job_id, claims=(self._start(job),) if runs else ())

    def set_room(self, max_running: int) -> tuple[Claim, ...]:
        """Let at most so many jobs run from now on, and start what may run."""
        self.admission.max_running = max_running
        return self.take()

    def take(self) -> tuple[Claim, ...]:
        """Start all that may run."""
        claims = []
        while (ready := self.admission.ready()) is not None:
            key, kinds = ready
            waiting = map(self.jobs.__getitem__, self._waiting[key])
            job = next(job for job in waiting if job.kind in kinds)
            self._waiting[key].remove(job.record.job_id)
            self.admission.start(key, job.kind)
            claims.append(self._start(job))
        return tuple(claims)

    def append(self, claim: Claim, first: int, packets: Sequence[JsonText]) -> None:
        """Add packets to the log of a claimed job; see `Store.append`."""
        job = self._claimed(claim)
        if job is None:
            raise Fenced("the claim is over")
        self._log(job, first, packets)

    def finish(
        self, claim: Claim, outcome: Outcome, first: int, last: Sequence[JsonText]
    ) -> tuple[Claim, ...]:
        """End a claimed job and start what may run instead; see `Store.finish`."""
        job = self._claimed(claim)
        if job is None:
            if self._has_ended_so(claim, outcome):
                return ()
            raise Fenced("the claim is over")
        if first <= len(job.log):
            self._log(job, first, last)
        self.end_running(job, outcome)
        return self.take()

    def feed(self, job_id: JobId, packets: Sequence[JsonText]) -> int:
        """Add packets to a job that nobody runs; see `Store.feed`."""
        job = self.jobs.get(job_id)
        if job is None or job.state is not State.RUNNING:
            raise Fenced("the job has ended or never was")
        first = len(job.log)
        self._log(job, first, packets)
        return first

    def settle(self, job_id: JobId, outcome: Outcome) -> bool:
        """End a job that nobody runs, if it has not ended."""
        job = self.jobs.get(job_id)
        if job is None or job.state is State.ENDED:
            return False
        if job.state is State.RUNNING:
            self.end_running(job, outcome)
        else:
            self._end_queued(job, outcome)
        return True

    def cancel(self, job_id: JobId) -> CancelResult:
        """End a queued job, or note that a running one is to end."""
        job = self.jobs.get(job_id)
        if job is None:
            return CancelResult.UNKNOWN
        if job.state is State.ENDED:
            return CancelResult.FINISHED
        if job.state is State.RUNNING:
            job.is_cancel_wished = True
            return CancelResult.REQUESTED
        self._end_queued(job, Cancelled())
        return CancelResult.CANCELLED

    # ── queues ──
    def cancel_queue(self, name: JsonText) -> tuple[JobId, ...]:
        """End all that waits in a queue, oldest first."""
        waiting = tuple(self._waiting[key_of(QueueSpec(name=name))])
        for job_id in waiting:
            self._end_queued(self.jobs[job_id], Cancelled())
        return waiting

    def pause_queue(self, name: JsonText, paused: bool) -> tuple[Claim, ...]:
        """Let a queue start nothing, or start what it may again."""
        key = key_of(QueueSpec(name=name))
        if paused:
            self.admission.pause(key, name)
            return ()
        self.admission.resume(key)
        return self.take()

    # ── documents ──
    def put_doc(self, job_id: JobId, name: str, body: bytes) -> None:
        """Keep a document beside a job; see `Store.put_doc`."""
        job = self.jobs.get(job_id)
        if job is None or job.state is State.ENDED:
            raise Fenced("the job has ended or never was")
        job.docs[name] = body

    def put_shared(self, space: str, name: str, body: bytes | None) -> None:
        """Keep, replace or remove a document of a space."""
        if body is None:
            self.shared.pop((space, name), None)
        else:
            self.shared[space, name] = body

    # ── upkeep ──
    def prunable(self, before: float, limit: int) -> list[JobId]:
        """Return up to `limit` jobs that ended before, oldest end first."""
        old = [job for job in self.jobs.values() if self._is_prunable(job, before)]
        old.sort(key=lambda job: job.record.ended_at or 0)
        return [job.record.job_id for job in old[:limit]]

    def prune(self, before: float, limit: int) -> int:
        """Forget these jobs; return how many they were."""
        old = self.prunable(before, limit)
        for job_id in old:
            self._forget(self.jobs[job_id])
        return len(old)

    def remove(self, job_id: JobId) -> bool:
        """Forget one job, if it has ended."""
        job = self.jobs.get(job_id)
        if job is None or job.state is not State.ENDED:
            return False
        self._forget(job)
        return True

    # ── steps ──
    def _find_known(self, new: NewJob) -> JobId | None:
        """Return the job that a call stands for already."""
        if new.call.key is not None:
            known = self._keys.get((new.identity, new.call.host, new.call.key))
            if known is not None:
                is_same = content_digest(self.jobs[known].new.call) == content_digest(
                    new.call
                )
                if known != new.job_id and not is_same:
                    raise KeyConflict("the key was used before, for another call")
                return known
        return new.job_id if new.job_id in self.jobs else None

    def _keep(self, new: NewJob, key: bytes) -> Kept:
        call = new.call
        queue = call.queue
        if queue is not None:
            concurrency = self.admission.concurrency(queue)
            queue = QueueSpec(name=queue.name, concurrency=concurrency)
        record = JobRecord(
            job_id=new.job_id,
            state=State.QUEUED,
            host=call.host,
            procedure=call.procedure,
            arguments=call.arguments,
            timeout_s=new.timeout_s,
            max_exec_s=new.max_exec_s,
            submitted_at=self.clock(),
            queue=queue,
            info=call.info,
            retries=call.retries,
            identity=new.identity,
            label=new.label,
        )
        job = self.jobs[new.job_id] = Kept(
            new=new,
            record=record,
            key=key,
            owner=self._owner(new),
            sealed=call.sealed,
        )
        if call.key is not None:
            self._keys[new.identity, call.host, call.key] = new.job_id
        return job

    def _owner(self, new: NewJob) -> JobId:
        parent = None if new.parent is None else self.jobs.get(new.parent)
        if parent is None or parent.state is State.ENDED:
            return new.job_id
        return self._owner(parent.new)

    def _admit(self, job: Kept, *, runs: bool) -> None:
        self.admission.join(job.key, job.record.queue, job.kind, runs=runs)
        if not runs:
            self._waiting[job.key].append(job.record.job_id)

    def _start(self, job: Kept) -> Claim:
        record = job.record
        job.record = attrs.evolve(
            record,
            state=State.RUNNING,
            started_at=self.clock() if record.started_at is None else record.started_at,
            starts=record.starts + 1,
        )
        return job.claim()

    def _claimed(self, claim: Claim) -> Kept | None:
        job = self.jobs.get(claim.job_id)
        if job is None or job.state is not State.RUNNING:
            return None
        return job if job.record.starts == claim.fence else None

    def _has_ended_so(self, claim: Claim, outcome: Outcome) -> bool:
        job = self.jobs.get(claim.job_id)
        return job is not None and (job.record.starts, job.record.outcome) == (
            claim.fence,
            outcome,
        )

    def _log(self, job: Kept, first: int, packets: Sequence[JsonText]) -> None:
        held = len(job.log)
        if first > held:
            raise ValueError(f"packet {first} of a log that ends before {held}")
        job.log.extend(packets[held - first :])
        job.record = attrs.evolve(job.record, packets=len(job.log))

    def end_running(self, job: Kept, outcome: Outcome) -> None:
        """End a running job; its slot is free."""
        self.admission.end(job.key, job.kind)
        self._end(job, outcome)

    def _end_queued(self, job: Kept, outcome: Outcome) -> None:
        self.admission.drop(job.key, job.kind)
        self._waiting[job.key].remove(job.record.job_id)
        self._end(job, outcome)

    def _end(self, job: Kept, outcome: Outcome) -> None:
        job.record = attrs.evolve(
            job.record, state=State.ENDED, ended_at=self.clock(), outcome=outcome
        )
        job.docs.clear()
        for other in self.jobs.values():
            if other.owner == job.record.job_id:
                other.sealed = ()

    def _is_prunable(self, job: Kept, before: float) -> bool:
        ended_at, parent = job.record.ended_at, None
        if job.new.parent is not None:
            parent = self.jobs.get(job.new.parent)
        is_done = parent is None or parent.state is State.ENDED
        return ended_at is not None and ended_at < before and is_done

    def _forget(self, job: Kept) -> None:
        del self.jobs[job.record.job_id]
        call = job.new.call
        if call.key is not None:
            del self._keys[job.new.identity, call.host, call.key]
