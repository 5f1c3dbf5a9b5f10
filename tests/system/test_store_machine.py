"""Every engine of the store beside the plainest model, in any order of events."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings, stateful
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from loop_thread import LoopThread
from new_jobs import new_id, new_job, queue
from store_engines import Engine, MemoryEngine, SqliteEngine
from store_model import ALIVE, ModelJob, StoreModel
from stored import log_of

from harpcaller.store import (
    Claim,
    Fenced,
    JobFilter,
    KeyConflict,
    NewJob,
    OnLoss,
    Store,
    StoreError,
    Submitted,
    TooManyQueued,
    Write,
)
from protocol.job import JobId, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Failed, Outcome, Returned

T = TypeVar("T")

# The whole campaign is 10⁵ steps of each engine; a part, as in CI, the two share.
SHARE = float(os.environ.get("HARPCALLER_CAMPAIGN", "0.1"))
WANTED_STEPS = round(100_000 * (SHARE if SHARE >= 1 else SHARE / 2))
STEPS, MEAN_STEPS = 50, 40  # of an example; the mean is rather 45
MAX_RUNNING, MAX_QUEUED = 4, 8

QUEUES = st.sampled_from([None, "a", "a", "b"])
JOBS = st.fixed_dictionaries(
    {
        "procedure": st.sampled_from(["one", "other"]),
        "key": st.sampled_from([None, None, None, "k1", "k2"]),
        "retries": st.integers(0, 2),
        "on_loss": st.sampled_from([OnLoss.END, OnLoss.RETRY, OnLoss.RESUME]),
        "queue": st.builds(
            lambda name, concurrency: name and queue(name, concurrency),
            QUEUES,
            st.integers(1, 3),
        ),
    }
)
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        Returned(JsonText(b"1")),
        Failed(type="network_error", message="gone", data=JsonText(b'{"code":"x"}')),
        Cancelled(),
    ]
)
PACKETS = st.lists(st.sampled_from([JsonText(b"0"), JsonText(b'"x"')]), max_size=4)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to its model, and compares what both say."""

    make_engine: Callable[[Path], Engine]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).steps -= 1  # invariants are looked at before the first one too
        # In memory where there is such a place: the disk is not what is tested.
        shm = "/dev/shm"  # noqa: S108 (a directory of random name is made in it)
        place = shm if Path(shm).is_dir() else None
        self.directory = Path(tempfile.mkdtemp(dir=place))
        self.loop = LoopThread()
        self.engine = type(self).make_engine(self.directory)
        self.model = StoreModel(MAX_RUNNING, MAX_QUEUED)
        self.claims: dict[JobId, Claim] = {}
        self.store, _ = self.open()

    def teardown(self) -> None:
        assert list(self.loop.run(self.store.check)) == []
        self.loop.run(self.engine.close)
        self.loop.stop()
        shutil.rmtree(self.directory)

    def open(self) -> tuple[Store, tuple[Claim, ...]]:
        async def open_() -> tuple[Store, tuple[Claim, ...]]:
            store, opened = await self.engine.open(
                max_running=self.model.max_running, max_queued=MAX_QUEUED
            )
            return store, opened.claims

        return self.loop.run(open_)

    def do(self, begin: Callable[[], Write[T]]) -> T:
        """Return the result, or the error, of a write."""
        result: T = self.do_all([begin])[0]
        return result

    def do_all(self, begins: list[Callable[[], Write[Any]]]) -> list[Any]:
        """Return the results, or errors, of writes that go in one lot."""

        async def do_() -> list[Any]:
            self.engine.clock.now += 1
            writes = [begin() for begin in begins]
            for write in writes:
                with contextlib.suppress(StoreError):
                    await write
            return [write.error or write.result() for write in writes]

        return self.loop.run(do_)

    # ── how the model follows ──
    def follow_claims(self, claims: tuple[Claim, ...]) -> None:
        for claim in claims:
            self.model.start(claim.job_id, claim.fence)
            assert claim.record.packets == len(self.model.jobs[claim.job_id].log)
            self.claims[claim.job_id] = claim

    def follow_submit(self, new: NewJob, told: Submitted | Exception) -> None:
        try:
            known = self.model.known(new)
        except KeyConflict:
            assert isinstance(told, KeyConflict)
            return
        if known is not None:
            assert told == Submitted(job_id=known, is_duplicate=True)
            return
        is_full = self.model.is_full()
        job = self.model.add(new)
        if self.model.may_start(job):
            assert isinstance(told, Submitted)
            assert len(told.claims) == 1
            self.follow_claims(told.claims)
        elif is_full:
            assert isinstance(told, TooManyQueued)
            del self.model.jobs[new.job_id]
        else:
            assert told == Submitted(job_id=new.job_id)

    def pick(self, data: st.DataObject, *states: State) -> ModelJob:
        return data.draw(st.sampled_from(self.model.of(*states)))

    # ── jobs ──
    @rule(fields=st.lists(JOBS, min_size=1, max_size=4))
    def submit(self, fields: list[dict[str, Any]]) -> None:
        jobs = [new_job(**each) for each in fields]
        told = self.do_all([partial(self.store.submit, new) for new in jobs])
        for new, answer in zip(jobs, told, strict=True):
            self.follow_submit(new, answer)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        job = self.pick(data, *State)
        self.follow_submit(job.new, self.do(lambda: self.store.submit(job.new)))

    @precondition(lambda self: self.model.of(State.RUNNING))
    @rule(data=st.data(), packets=PACKETS, back=st.integers(0, 3))
    def append(self, data: st.DataObject, packets: list[JsonText], back: int) -> None:
        job = self.pick(data, State.RUNNING)
        back = min(back, len(job.log))
        lot = [*job.log[len(job.log) - back :], *packets]
        claim = self.claims[job.new.job_id]
        told = self.do(lambda: self.store.append(claim, len(job.log) - back, lot))
        assert told is None
        job.log += packets

    @precondition(lambda self: self.model.of(State.RUNNING))
    @rule(data=st.data(), packets=PACKETS)
    def feed(self, data: st.DataObject, packets: list[JsonText]) -> None:
        job = self.pick(data, State.RUNNING)
        told = self.do(lambda: self.store.feed(job.new.job_id, packets))
        assert told == len(job.log)
        job.log += packets

    @precondition(lambda self: self.model.of(State.RUNNING))
    @rule(data=st.data(), packets=PACKETS, outcome=OUTCOMES, gap=st.integers(0, 1))
    def finish(
        self, data: st.DataObject, packets: list[JsonText], outcome: Outcome, gap: int
    ) -> None:
        job = self.pick(data, State.RUNNING)
        claim, first = self.claims[job.new.job_id], len(job.log) + gap
        claims, again = self.do_all(
            [lambda: self.store.finish(claim, outcome, first, packets)] * 2
        )
        if not gap:
            job.log += packets
        self.model.end(job, outcome)
        self.follow_claims(claims)
        assert again == ()

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), outcome=OUTCOMES)
    def write_with_an_old_claim(self, data: st.DataObject, outcome: Outcome) -> None:
        claim = data.draw(st.sampled_from(list(self.claims.values())))
        job = self.model.jobs.get(claim.job_id)
        is_over = job is None or job.state is not State.RUNNING
        if not is_over and job is not None and job.starts == claim.fence:
            return
        told = self.do(lambda: self.store.append(claim, 0, []))
        assert isinstance(told, Fenced)
        told = self.do(lambda: self.store.finish(claim, outcome, 0, []))
        is_repeated = job is not None and (job.starts, job.outcome) == (
            claim.fence,
            outcome,
        )
        assert told == () if is_repeated else isinstance(told, Fenced)

    @precondition(lambda self: self.model.of(*ALIVE))
    @rule(data=st.data(), outcome=OUTCOMES, fields=JOBS)
    def settle(
        self, data: st.DataObject, outcome: Outcome, fields: dict[str, Any]
    ) -> None:
        job = self.pick(data, *ALIVE)
        new = new_job(**fields)
        # Who comes between the end and the take must not have the slot.
        told, submitted, claims = self.do_all(
            [
                lambda: self.store.settle(job.new.job_id, outcome),
                lambda: self.store.submit(new),
                self.store.take,
            ]
        )
        assert told
        self.model.end(job, outcome)
        self.follow_submit(new, submitted)
        self.follow_claims(claims)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from([*self.model.jobs, new_id()]))
        told = self.do(lambda: self.store.cancel(job_id))
        assert told is self.model.cancel(job_id)

    # ── queues ──
    @rule(name=st.sampled_from("ab"))
    def cancel_queue(self, name: str) -> None:
        told = self.do(lambda: self.store.cancel_queue(queue(name).name))
        waiting = self.model.in_queue(queue(name).name, State.QUEUED)
        assert told == tuple(job.new.job_id for job in waiting)
        for job in waiting:
            self.model.end(job, Cancelled())

    @rule(name=st.sampled_from("ab"), paused=st.booleans())
    def pause(self, name: str, paused: bool) -> None:
        key = queue(name).name
        claims = self.do(lambda: self.store.pause_queue(key, paused=paused))
        (self.model.paused.add if paused else self.model.paused.discard)(key)
        self.follow_claims(claims)

    @rule(max_running=st.integers(0, MAX_RUNNING))
    def set_room(self, max_running: int) -> None:
        claims = self.do(lambda: self.store.set_room(max_running))
        self.model.max_running = max_running
        self.follow_claims(claims)

    # ── upkeep ──
    @rule(limit=st.integers(1, 5))
    def prune(self, limit: int) -> None:
        told = self.do(lambda: self.store.prune(self.engine.clock.now, limit))
        gone = self.model.prune(limit)
        assert told == len(gone)
        for job_id in gone:
            self.claims.pop(job_id, None)

    @rule(max_running=st.integers(0, MAX_RUNNING))
    def crash(self, max_running: int) -> None:
        self.engine.clock.now += 1
        self.model.max_running = max_running
        self.store, going = self.open()
        expected = self.model.crash()
        assert {claim.job_id for claim in going} == expected
        self.claims.update({claim.job_id: claim for claim in going})
        self.follow_claims(self.do(self.store.take))

    # ── what holds at any time ──
    @invariant()
    def nobody_waits_who_may_run(self) -> None:
        for job in self.model.of(State.QUEUED):
            assert not self.model.may_start(job)

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        self.loop.run(self.compare)
        type(self).steps += 1

    async def compare(self) -> None:
        listed = (await self.store.jobs(JobFilter(), None, 1000)).jobs
        assert [record.job_id for record in listed] == list(self.model.jobs)
        for record, (job_id, job) in zip(listed, self.model.jobs.items(), strict=True):
            assert await self.store.get(job_id) == record
            assert (record.state, record.outcome) == (job.state, job.outcome)
            assert (record.starts, record.packets) == (job.starts, len(job.log))
            if job.state is State.RUNNING:
                assert await log_of(self.store, job_id) == job.log
        counts = await self.store.counts()
        assert counts == {state: len(self.model.of(state)) for state in State}
        await self.compare_queues()

    async def compare_queues(self) -> None:
        heads = {head.name: head for head in (await self.store.queues(None, 10)).queues}
        names = {job.queue for job in self.model.of(*ALIVE)} - {None}
        assert heads.keys() == names | self.model.paused
        for name, head in heads.items():
            running = self.model.in_queue(name, State.RUNNING)
            assert set(head.running) == {job.new.job_id for job in running}
            assert head.queued == len(self.model.in_queue(name, State.QUEUED))
            assert head.is_paused == (name in self.model.paused)
            assert len(running) <= head.concurrency or not running


class MemoryMachine(StoreMachine):
    make_engine = staticmethod(lambda directory: MemoryEngine())


class SqliteMachine(StoreMachine):
    make_engine = staticmethod(SqliteEngine)


CAMPAIGN = settings(
    max_examples=max(1, WANTED_STEPS // MEAN_STEPS),
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.campaign
@pytest.mark.timeout(60 + 3000 * SHARE)
@pytest.mark.parametrize("machine", [MemoryMachine, SqliteMachine])
def test_an_engine_does_what_its_model_does(machine: type[StoreMachine]) -> None:
    """What the dispatcher is told may not depend on the engine that it has."""
    stateful.run_state_machine_as_test(machine, settings=CAMPAIGN)

    sys.stdout.write(f"\n{machine.__name__}: {machine.steps} steps\n")
    assert machine.steps >= WANTED_STEPS
