"""The only owner of live jobs: submits, starts, cancels and stops them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import structlog
import trio

from harpcaller.dispatch.child import child_job
from harpcaller.dispatch.feeding import feeder
from harpcaller.dispatch.ids import new_job_id
from harpcaller.dispatch.job import Follower, Job
from harpcaller.dispatch.limits import Limits
from harpcaller.dispatch.parent import Parent
from harpcaller.dispatch.running import Running
from harpcaller.dispatch.watching import Feed
from harpcaller.meters import JobMeters, ending
from harpcaller.runners import Runner
from harpcaller.runners.external import External
from harpcaller.runners.installed import Adapters
from harpcaller.store import (
    CancelResult,
    Claim,
    Lost,
    NewJob,
    OnLoss,
    Store,
    StoreError,
    Submitted,
    Unavailable,
    Write,
)
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled

TAKE_RETRY_S = 0.5

log = structlog.get_logger()


class Dispatcher:
    """Holds every job that runs or is waited for, and nothing else.

    `jobs` is the nursery that running jobs live in; `clock` gives UTC seconds.
    """

    def __init__(
        self,
        store: Store,
        runner: Runner,
        limits: Limits,
        jobs: trio.Nursery,
        clock: Callable[[], float],
    ) -> None:
        self.store = store
        self.limits = limits
        self.adapters = Adapters()
        self.is_stopping = False  # nothing more is accepted
        self.is_draining = False  # nothing is accepted or started, until `resume`
        self.has_stopped = False  # nothing more will happen to any job
        self.meters = JobMeters()
        self.feed = Feed()
        self.followers: set[Follower] = set()
        self._runner = runner
        self._nursery = jobs
        self._clock = clock
        self._jobs: dict[JobId, Job] = {}
        self._running: dict[JobId, Running] = {}
        self._left: set[JobId] = set()  # journalled jobs, once we stop
        self._idle = trio.Event()
        self._grace = trio.CancelScope()
        feed = feeder(store, self._jobs)
        self.external = External(store, feed, self.adapters.find)

    @property
    def running_count(self) -> int:
        """How many jobs run."""
        return len(self._running)

    def configure(self, limits: Limits, max_running: int) -> None:
        """Have these limits hold for calls from now on, and start what fits."""
        self.limits = limits
        if not self.is_stopping and not self.is_draining:
            self.store.set_room(max_running).when_done(self._begin_claimed)

    def submit(self, call: Call, identity: str = "") -> Write[Submitted]:
        """Accept a call; what may run because of it begins by itself.

        Raises:
            WireError: `shutting_down`.
        """
        self._refuse_if_closed()
        timeout_s, max_exec_s = self.limits.of(call)
        return self._submit(
            NewJob(
                job_id=new_job_id(self._clock()),
                call=call,
                timeout_s=timeout_s,
                max_exec_s=max_exec_s,
                identity=identity,
                on_loss=OnLoss.RETRY if call.retries else OnLoss.END,
            )
        )

    def submit_parent(self, parent: Parent, identity: str = "") -> Write[Submitted]:
        """Accept a call to an adapter; the limits of other calls are none of its.

        Raises:
            WireError: `shutting_down`.
        """
        self._refuse_if_closed()
        return self._submit(parent.new_job(new_job_id(self._clock()), identity))

    def submit_child(self, parent: Claim, key: str, call: Call) -> Write[Submitted]:
        """Accept a call of a running parent's, unless it was accepted before.

        Also while the dispatcher is drained: the parent was accepted with all it does.
        """
        return self._submit(child_job(parent, key, call, *self.limits.of(call)))

    def begin(self, claims: Iterable[Claim]) -> None:
        """Start what was claimed."""
        for claim in claims:
            job = self._jobs.setdefault(claim.job_id, Job(claim.job_id))
            job.see(claim.record)
            job.tell_packets = self.feed.started(claim)
            if claim.fence == 1:  # else it did not only wait
                waited_s = self._clock() - claim.record.submitted_at
                self.meters.waits_s.observe(max(0.0, waited_s))
            running = Running(claim, job, self.store, self._begin_claimed)
            self._running[claim.job_id] = running
            self._nursery.start_soon(self._carry_out, running)

    def take(self) -> Write[tuple[Claim, ...]]:
        """Start what waits, as far as there is room."""
        write = self.store.take()
        write.when_done(self._begin_claimed)
        return write

    async def take_surely(self) -> None:
        """Do so even where a stranger keeps the store busy for a while.

        Returns without it once the store is lost.
        """
        while True:
            try:
                await self.take()
            except Lost:
                return
            except Unavailable as error:
                log.warning("jobs.waiting", reason=str(error))
                await trio.sleep(TAKE_RETRY_S)
            else:
                return

    def cancel(self, job_id: JobId) -> Write[bool]:
        """End a job now; True if it was this that ended it.

        A journalled job ends soon: True once it is durable that it will as Cancelled.
        """
        answer: Write[bool] = Write()
        running = self._running.get(job_id)
        if running is not None and not running.is_journalled:
            self._cancel_running(job_id, answer)
        else:
            asked = self.store.cancel(job_id)
            asked.when_done(lambda write: self._cancelled(job_id, write, answer))
        return answer

    async def cancel_queue(self, name: JsonText) -> int:
        """End all jobs of a queue, the waiting ones first; return how many."""
        ended = await self.store.cancel_queue(name)
        for job_id in ended:
            self._tell_cancelled(job_id)
        running = [
            job_id
            for job_id, running in self._running.items()
            if running.claim.record.queue and running.claim.record.queue.name == name
        ]
        stopped = [self.cancel(job_id) for job_id in running]
        return len(ended) + sum([await write for write in stopped])

    async def drain(self) -> None:
        """Accept nothing and start nothing; what runs goes on."""
        self.is_draining = True
        await self.store.set_room(0)

    async def resume(self, max_running: int) -> None:
        """Accept and start again, up to `max_running` at a time."""
        if not self.is_draining or self.is_stopping:
            return
        self.is_draining = False
        write = self.store.set_room(max_running)
        write.when_done(self._begin_claimed)
        await write

    def pause_queue(self, name: JsonText, *, paused: bool) -> Write[tuple[Claim, ...]]:
        """Let a queue start nothing, or again what it may."""
        write = self.store.pause_queue(name, paused=paused)
        write.when_done(self._begin_claimed)
        return write

    @contextlib.contextmanager
    def reading(self, job_id: JobId) -> Iterator[Job]:
        """Hold the live job of `job_id` while reading it; look in the store next."""
        job = self._jobs.setdefault(job_id, Job(job_id))
        job.readers += 1
        try:
            yield job
        finally:
            job.readers -= 1
            if not job.readers:
                job.forget_tail()
                self._forget(job_id)

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more; stop what runs on after `grace_s`, and wait for it."""
        self.is_stopping = True
        with contextlib.suppress(StoreError):  # a lost store claims nothing either
            # What was claimed before has begun when this returns.
            await self.store.set_room(0)
        for running in list(self._running.values()):
            if running.is_journalled:  # before the ends of their children
                running.stop()
        self._grace.deadline = trio.current_time() + grace_s
        with self._grace:
            await self._wait_idle()
        for running in list(self._running.values()):
            running.stop()
        await self._wait_idle()
        self.has_stopped = True
        for job in self._jobs.values():
            job.wake()

    def hurry(self) -> None:
        """End the grace of a stop, this one or the next, now."""
        self._grace.cancel()

    # ── from here on nothing awaits but the tasks of running jobs ──

    async def _carry_out(self, running: Running) -> None:
        job_id = running.claim.job_id
        begun_at = trio.current_time()
        try:
            await running.carry_out(self._runner)
            running.ended.succeed(None)
        except StoreError as error:
            # The store is lost and the daemon about to stop: recovery ends the job.
            log.exception("outcome.lost", job_id=job_id)
            running.ended.fail(error)
        else:
            self._count_end(running, begun_at)
        del self._running[job_id]
        if running.is_journalled and running.outcome is None:
            self._left.add(job_id)
        self._forget(job_id)
        if not self._running:
            self._idle.set()

    def _count_end(self, running: Running, begun_at: float) -> None:
        if (
            outcome := running.outcome
        ) is not None:  # else it was left, to be started again
            self.meters.runs_s.observe(trio.current_time() - begun_at)
            self.meters.ends[ending(outcome)] += 1
            self.feed.ended(running.claim.job_id, outcome)

    def _refuse_if_closed(self) -> None:
        if self.is_stopping:
            raise WireError(ErrorType.SHUTTING_DOWN, "the dispatcher is stopping")
        if self.is_draining:
            raise WireError(
                ErrorType.SHUTTING_DOWN,
                "the dispatcher is drained: it accepts calls when it is resumed",
            )

    def _forget(self, job_id: JobId) -> None:
        job = self._jobs.get(job_id)
        if job is not None and not job.readers and job_id not in self._running:
            del self._jobs[job_id]

    def _submit(self, new: NewJob) -> Write[Submitted]:
        write = self.store.submit(new)
        self.feed.submitted(new, write)
        write.when_done(self._begin_submitted)
        return write

    def _begin_submitted(self, write: Write[Submitted]) -> None:
        if write.error is None:
            self.begin(write.result().claims)

    def _begin_claimed(self, write: Write[tuple[Claim, ...]]) -> None:
        if write.error is None:
            self.begin(write.result())

    def _cancel_running(self, job_id: JobId, answer: Write[bool]) -> None:
        running = self._running[job_id]
        if running.is_journalled and running.ask_to_end():
            answer.succeed(True)
            return
        running.ended.pass_on(answer, running.end(Cancelled()))

    def _cancelled(
        self, job_id: JobId, write: Write[CancelResult], answer: Write[bool]
    ) -> None:
        if write.error is not None:
            answer.fail(write.error)
        elif write.result() is CancelResult.CANCELLED:
            self._tell_cancelled(job_id)
            answer.succeed(True)
        elif job_id in self._running:  # it was claimed in the meantime
            self._cancel_running(job_id, answer)
        elif job_id in self._left:  # the next start hears of it
            answer.succeed(write.result() is CancelResult.REQUESTED)
        elif write.result() is CancelResult.REQUESTED:  # left at a stop: nobody's
            settled = self.store.settle(job_id, Cancelled())
            settled.when_done(lambda write: self._settled(job_id, write, answer))
        else:
            answer.succeed(False)

    def _settled(self, job_id: JobId, write: Write[bool], answer: Write[bool]) -> None:
        if write.error is not None:
            answer.fail(write.error)
            return
        if write.result():
            self._tell_cancelled(job_id)
        answer.succeed(write.result())

    def _tell_cancelled(self, job_id: JobId) -> None:
        job = self._jobs.get(job_id)
        if job is not None:
            job.end(Cancelled())
        self.meters.ends[ending(Cancelled())] += 1
        self.feed.ended(job_id, Cancelled())
        log.info("job.ended", job_id=job_id, outcome="Cancelled")

    async def _wait_idle(self) -> None:
        while self._running:
            self._idle = trio.Event()
            await self._idle.wait()
