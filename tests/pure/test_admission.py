"""The rule of admission, alone and beside the plainest model."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harpcaller.store.admission import NO_QUEUE, Admission, Kind, key_of
from protocol.call import QueueSpec
from protocol.jsontext import canonical

MAX_RUNNING = 4
MAX_QUEUED = 12
NAMES = "abc"


def spec(name: str = "a", concurrency: int = 1) -> QueueSpec:
    """Return a queue."""
    return QueueSpec(name=canonical({"name": name}), concurrency=concurrency)


def admission(max_running: int = 10, max_queued: int = 10) -> Admission:
    """Return the rule, without jobs."""
    return Admission(max_running=max_running, max_queued=max_queued)


def submit(
    rule_: Admission, queue: QueueSpec | None = None, kind: Kind = Kind.PLAIN
) -> bool:
    """Let a job come; tell whether it runs at once."""
    key = key_of(queue)
    runs = rule_.may_run(key, kind)
    rule_.join(key, queue, kind, runs=runs)
    return runs


def test_a_queue_runs_as_many_as_its_concurrency() -> None:
    """P3."""
    rule_ = admission()

    assert [submit(rule_, spec("a", 2)) for _ in range(4)] == [True, True, False, False]
    assert rule_.ready() is None


def test_what_is_fed_needs_no_room() -> None:
    """Nobody runs it: it takes nothing from those who run, and waits for nobody."""
    rule_ = admission(max_running=1)

    assert [submit(rule_) for _ in range(2)] == [True, False]
    assert [submit(rule_, kind=Kind.FED) for _ in range(3)] == [True] * 3
    assert (rule_.running, rule_.queued) == (4, 1)


def test_the_first_job_fixes_the_concurrency() -> None:
    """Until the queue is empty; then the next one does."""
    rule_ = admission()
    submit(rule_, spec("a", 1))

    assert rule_.concurrency(spec("a", 5)) == 1
    assert not submit(rule_, spec("a", 5))

    rule_.drop(key_of(spec()), Kind.PLAIN)
    rule_.end(key_of(spec()), Kind.PLAIN)
    assert rule_.queues == {}
    assert rule_.concurrency(spec("a", 5)) == 5


def test_nobody_overtakes_who_waits() -> None:
    """A free slot belongs to the oldest, though it has not been told yet."""
    rule_ = admission()
    key = key_of(spec())
    submit(rule_, spec())
    submit(rule_, spec())
    rule_.end(key, Kind.PLAIN)

    assert not rule_.may_run(key, Kind.PLAIN)
    assert rule_.ready() == (key, (Kind.PLAIN,))


def test_a_started_job_takes_the_slot() -> None:
    """Only one starts for each that ends."""
    rule_ = admission()
    key = key_of(spec())
    for _ in range(3):
        submit(rule_, spec())
    rule_.end(key, Kind.PLAIN)

    rule_.start(key, Kind.PLAIN)

    assert rule_.ready() is None
    assert (rule_.running, rule_.queued) == (1, 1)


def test_jobs_without_a_queue_need_room_alone() -> None:
    """They share no slot with anybody."""
    rule_ = admission(max_running=3)

    assert [submit(rule_) for _ in range(4)] == [True, True, True, False]
    assert not submit(rule_, spec())

    rule_.end(NO_QUEUE, Kind.PLAIN)
    assert rule_.ready() == (NO_QUEUE, (Kind.PLAIN,))


def test_queues_that_were_held_back_take_turns() -> None:
    """A long queue does not keep the others from the room."""
    rule_ = admission(max_running=1)
    submit(rule_)
    for name in ("a", "a", "a", "b"):
        submit(rule_, spec(name, 5))

    order = []
    rule_.end(NO_QUEUE, Kind.PLAIN)
    while (ready := rule_.ready()) is not None:
        key, _ = ready
        rule_.start(key, Kind.PLAIN)
        rule_.end(key, Kind.PLAIN)
        order.append(key)

    a, b = key_of(spec("a")), key_of(spec("b"))
    assert order == [a, b, a, a]


def test_so_many_may_wait_and_no_more() -> None:
    """`overloaded` is the answer to the next."""
    rule_ = admission(max_running=0, max_queued=2)

    assert rule_.may_wait()
    submit(rule_)
    submit(rule_, spec())

    assert not rule_.may_wait()


def test_a_paused_queue_is_not_ready() -> None:
    """Neither for a new job nor for one that waits."""
    rule_ = admission()
    key, name = key_of(spec()), spec().name
    submit(rule_, spec())
    submit(rule_, spec())

    rule_.pause(key, name)
    rule_.end(key, Kind.PLAIN)

    assert rule_.ready() is None
    rule_.resume(key)
    assert rule_.ready() == (key, (Kind.PLAIN,))


def test_a_pause_outlives_the_queue() -> None:
    """It is taken back by whoever set it, not by an empty queue."""
    rule_ = admission()
    key = key_of(spec())
    submit(rule_, spec())
    rule_.pause(key, spec().name)
    rule_.end(key, Kind.PLAIN)

    assert rule_.queues == {}
    assert not rule_.may_run(key, Kind.PLAIN)

    rule_.resume(key)
    rule_.resume(key)
    assert rule_.may_run(key, Kind.PLAIN)


def test_what_is_restored_counts_like_what_came() -> None:
    """After a restart the same jobs wait for the same slots."""
    rule_ = admission(max_running=2)
    key = key_of(spec("a", 2))

    rule_.restore(key, spec("a", 2), Kind.PLAIN, running=0, queued=3)
    rule_.restore(key, spec("a", 2), Kind.PLAIN, running=1, queued=0)

    assert rule_.ready() == (key, (Kind.PLAIN,))
    rule_.start(key, Kind.PLAIN)
    assert rule_.ready() is None
    assert (rule_.running, rule_.queued) == (2, 2)


def test_parents_leave_room_for_their_children() -> None:
    """As many of each kind run: all would hang if parents could fill the room."""
    rule_ = admission(max_running=2)

    parents = [submit(rule_, kind=Kind.JOURNALLED) for _ in range(3)]
    children = [submit(rule_) for _ in range(3)]

    assert parents == children == [True, True, False]
    rule_.end(NO_QUEUE, Kind.JOURNALLED)
    assert rule_.ready() == (NO_QUEUE, (Kind.JOURNALLED,))


def test_who_waits_for_room_does_not_hold_up_the_other_kind() -> None:
    """A parent at the head of a queue leaves its slot to what has room."""
    rule_ = admission(max_running=1)
    submit(rule_, kind=Kind.JOURNALLED)

    assert not submit(rule_, spec(), Kind.JOURNALLED)
    assert submit(rule_, spec(), Kind.PLAIN)


def test_the_slots_of_a_queue_are_for_both_kinds() -> None:
    """The concurrency is what somebody asked for, whoever runs."""
    rule_ = admission()
    key = key_of(spec())
    submit(rule_, spec(), Kind.JOURNALLED)

    assert not submit(rule_, spec(), Kind.PLAIN)
    assert not submit(rule_, spec(), Kind.JOURNALLED)

    rule_.end(key, Kind.JOURNALLED)
    assert not rule_.may_run(key, Kind.PLAIN)
    assert rule_.ready() == (key, (Kind.PLAIN, Kind.JOURNALLED))


@pytest.mark.parametrize("queue", [None, spec()])
def test_the_key_is_of_the_name_alone(queue: QueueSpec | None) -> None:
    """Equal names are one queue whatever concurrency they ask for."""
    assert key_of(spec("a", 1)) == key_of(spec("a", 9)) != key_of(spec("b", 1))
    assert (key_of(queue) == NO_QUEUE) == (queue is None)


class AdmissionMachine(RuleBasedStateMachine):
    """The rule beside lists of who runs and who waits, by queue and kind."""

    def __init__(self) -> None:
        super().__init__()
        self.rule = admission(MAX_RUNNING, MAX_QUEUED)
        self.limits: dict[str, int] = {}
        self.running: Counter[tuple[str, Kind]] = Counter()
        self.queued: Counter[tuple[str, Kind]] = Counter()
        self.paused: set[str] = set()

    def alive(self, name: str) -> tuple[int, int]:
        running, queued = (
            sum(counts[name, kind] for kind in Kind)
            for counts in (self.running, self.queued)
        )
        return running, queued

    def has_room(self, kind: Kind) -> bool:
        running = sum(n for (_, each), n in self.running.items() if each is kind)
        return running < MAX_RUNNING

    def is_open(self, name: str) -> bool:
        has_slot = not name or self.alive(name)[0] < self.limits[name]
        return has_slot and name not in self.paused

    def startable(self, name: str) -> tuple[Kind, ...]:
        return tuple(
            kind
            for kind in Kind
            if self.queued[name, kind] and self.has_room(kind) and self.is_open(name)
        )

    def key(self, name: str) -> bytes:
        return key_of(spec(name)) if name else NO_QUEUE

    @rule(
        name=st.sampled_from(["", *NAMES]),
        kind=st.sampled_from([Kind.PLAIN, Kind.JOURNALLED]),
        concurrency=st.integers(1, 3),
    )
    @precondition(lambda self: self.queued.total() < MAX_QUEUED)
    def join(self, name: str, kind: Kind, concurrency: int) -> None:
        queue = spec(name, concurrency) if name else None
        if not any(self.alive(name)):
            self.limits[name] = concurrency
        if queue is not None:
            assert self.rule.concurrency(queue) == self.limits[name]
        expected = (
            self.has_room(kind) and self.is_open(name) and not self.startable(name)
        )

        assert submit(self.rule, queue, kind) == expected

        (self.running if expected else self.queued)[name, kind] += 1

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        ready = self.rule.ready()
        expected = {
            (self.key(name), kinds): name
            for name in ["", *NAMES]
            if (kinds := self.startable(name))
        }
        assert (ready is None) == (not expected)
        if ready is not None:
            name, (key, kinds) = expected[ready], ready
            kind = data.draw(st.sampled_from(kinds))
            self.rule.start(key, kind)
            self.queued[name, kind] -= 1
            self.running[name, kind] += 1

    @rule(data=st.data())
    @precondition(lambda self: self.running.total())
    def end(self, data: st.DataObject) -> None:
        name, kind = data.draw(st.sampled_from(sorted(+self.running)))
        self.rule.end(self.key(name), kind)
        self.running[name, kind] -= 1

    @rule(data=st.data())
    @precondition(lambda self: self.queued.total())
    def drop(self, data: st.DataObject) -> None:
        name, kind = data.draw(st.sampled_from(sorted(+self.queued)))
        self.rule.drop(self.key(name), kind)
        self.queued[name, kind] -= 1

    @rule(name=st.sampled_from(NAMES))
    def pause(self, name: str) -> None:
        self.rule.pause(self.key(name), spec(name).name)
        self.paused.add(name)

    @rule(name=st.sampled_from(NAMES))
    def resume(self, name: str) -> None:
        self.rule.resume(self.key(name))
        self.paused.discard(name)

    @invariant()
    def the_counts_agree(self) -> None:
        names = {name for name, _ in +self.running + self.queued}
        assert set(self.rule.queues) == {self.key(name) for name in names}
        assert self.rule.running == self.running.total()
        assert self.rule.queued == self.queued.total()
        for name in names:
            tally = self.rule.queues[self.key(name)]
            assert (tally.running, tally.queued) == self.alive(name)


TestAdmissionBesideItsModel = AdmissionMachine.TestCase
TestAdmissionBesideItsModel.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None
)
