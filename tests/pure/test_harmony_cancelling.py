"""Runs that nobody wants any more, and how they find out."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_corpus import operation, settings
from harmony_outcomes import ASYNC_2, an_outcome, by_unit, made
from harmony_requests import COPY
from harmony_runs import World, a_call, carried_out, machine_of

from harpcaller.adapters.machine import (
    Asked,
    Cancel,
    End,
    Event,
    Post,
    Posted,
    Reason,
    Sleep,
    Slept,
    Submit,
)
from harpcaller.adapters.machine import (
    Cancelled as Stopped,
)
from protocol.outcome import Cancelled

ASYNC = operation("async-2.json")
SYNC = operation("sync-1.json")


# ── is it wanted still? ──
def test_a_silent_run_asks_whether_it_is_wanted() -> None:
    """Else a step that takes hours would not hear that it was cancelled."""
    machine = machine_of(a_call(COPY, ASYNC, cancel_probe_s=60))
    machine.start(0)
    world = World()

    actions = [*machine.on(_slept("probe1", 61))]
    posts = [action for action in actions if isinstance(action, Post)]

    assert [post.url.partition("?")[2] for post in posts] == ["progress=0"]
    assert Sleep(key="probe2", seconds=60) in actions
    ended = machine.on(
        Posted(key="cb1/a0", at=62, status=409, retry_after_s=None, body=b"")
    )
    assert [each for each in ended if isinstance(each, Cancel)] == [
        Cancel(key="s1.b0/a0"),
        Cancel(key="s1.b1/a0"),
    ]
    assert machine.on(_slept("probe2", 121)) == []
    assert world.posted == []


def _slept(key: str, at: float) -> Any:
    return Slept(key=key, at=at)


def test_a_run_that_posts_is_not_probed() -> None:
    """It hears of a cancel by what it posts anyway."""
    machine = machine_of(a_call(COPY, ASYNC, cancel_probe_s=60))
    machine.start(0)
    machine.on(_slept("probe1", 61))
    machine.on(Posted(key="cb1/a0", at=62, status=200, retry_after_s=None, body=b""))

    actions = machine.on(_slept("probe2", 121))

    assert actions == [Sleep(key="probe3", seconds=60)]


@pytest.mark.parametrize(
    ("message", "options"), [(SYNC, {}), (ASYNC, {"cancel_probe_s": 0})]
)
def test_not_every_run_is_probed(message: Any, options: dict[str, Any]) -> None:
    """Who waits will go away by himself; and a probe may be switched off."""
    actions = machine_of(a_call(COPY, message, **options)).start(0)

    assert not [action for action in actions if isinstance(action, Sleep)]


def test_progress_is_told_alone_where_there_is_no_output() -> None:
    """Somebody watches the percent."""
    world = World(answer=by_unit, outcomes={"s1.b0": an_outcome("nodata")})

    carried_out(a_call(COPY, operation("async-3.json")), world)

    assert world.queries[0] == {"progress": "33"}
    assert [query.get("progress") for query in world.queries] == [
        "33",
        "66",
        "99",
        None,
    ]


def test_progress_is_told_alone_once_a_second() -> None:
    """Harmony has other things to do; what has an output is told at any time."""

    class Quick(World):
        def answer_to(self, asked: Asked) -> Event:
            self.at -= 0.9  # of the second that it takes here
            return super().answer_to(asked)

    empty = an_outcome("nodata")
    world = Quick(answer=by_unit, outcomes={"s1.b0": empty, "s1.b1": empty})

    carried_out(a_call(COPY, operation("async-3.json")), world)

    assert [query.get("progress") for query in world.queries] == ["33", "99", None]


# ── cancelled ──
@pytest.mark.parametrize(
    ("reason", "text", "outcome"),
    [
        (
            Reason.CLIENT,
            "Request was canceled by the service operator",
            "Cancelled",
        ),
        (
            Reason.MAX_EXEC_TIME,
            "Request timed out",
            "Canceled: Request timed out",
        ),
    ],
)
def test_who_is_cancelled_says_so_once(reason: Reason, text: str, outcome: str) -> None:
    """All calls end; what was not posted yet is not."""
    world = World(outcomes=ASYNC_2, interrupt=("s1.b0/a0", reason))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == outcome
    assert world.queries == [{"error": text}]
    assert world.cancelled == ["s1.b0/a0", "s1.b1/a0"]


def test_a_sleep_ends_with_its_request() -> None:
    """A unit that waits for its next attempt gets none."""
    world = World(
        answer=by_unit,
        outcomes={"s1.b0": an_outcome("server")},
        interrupt=("s1.b0/z1", Reason.CLIENT),
    )

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Cancelled"
    assert "s1.b0/z1" in world.cancelled


def test_documents_are_given_up_with_a_request() -> None:
    """Nothing is called any more."""
    world = World(outcomes=ASYNC_2, interrupt=("s1.b0/a0/w0", Reason.CLIENT))

    failure, _ = carried_out(a_call(COPY, ASYNC), world, settings(work_dir="/shared"))

    assert failure == "Cancelled"
    assert world.calls == []


def test_the_end_is_not_told_twice() -> None:
    """A cancel that comes too late changes how the job ends, and nothing else."""
    world = World(outcomes=ASYNC_2, interrupt=("cb3/a0", Reason.CLIENT))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Cancelled"
    assert world.queries[-1] == {"status": "successful"}


def test_an_end_that_paused_is_told_as_it_is_now() -> None:
    """Nobody has heard that it was successful."""
    world = World(outcomes=ASYNC_2, posts={2: 503}, interrupt=("cb3/w1", Reason.CLIENT))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Cancelled"
    assert world.queries[-1] == {
        "error": "Request was canceled by the service operator"
    }


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (Reason.MAX_EXEC_TIME, Reason.CLIENT, True),
        (Reason.CLIENT, Reason.MAX_EXEC_TIME, True),
        (Reason.MAX_EXEC_TIME, Reason.MAX_EXEC_TIME, False),
    ],
)
def test_what_a_client_wants_counts_most(
    first: Reason, second: Reason, outcome: bool
) -> None:
    """Once he wants it, it does not matter what else was too long."""

    class Twice(World):
        def _interrupted(self) -> Any:
            found = super()._interrupted()
            if (
                isinstance(found, Stopped)
                and found.reason is first
                and len(self.told) < 3
            ):
                self.interrupt = ("s1.b0/a0", second)
            return found

    world = Twice(outcomes=ASYNC_2, interrupt=("s1.b0/a0", first))

    failure, _ = carried_out(a_call(COPY, ASYNC), world)

    assert (failure == "Cancelled") is outcome
    assert len(world.queries) == 1


def test_a_request_that_reads_its_inputs_can_be_cancelled() -> None:
    """It has no units yet."""
    sources = [{"collection": "C1233800302-EEDTEST"}]
    call = a_call(COPY, operation("async-2.json", sources=sources), "/d/catalog.json")
    readable = settings(granule_allow=["file:///d/"])
    world = World(interrupt=("in", Reason.CLIENT))
    late = World(interrupt=("in", Reason.MAX_EXEC_TIME))

    failure, _ = carried_out(call, world, readable)
    other, result = carried_out(call, late, readable)

    assert (failure, other) == ("Cancelled", "Canceled: Request timed out")
    assert world.cancelled == late.cancelled == ["in"]
    assert result["status"] == "failed"


def test_harmony_may_end_what_is_ending() -> None:
    """Its no to the last word is no failure of ours."""
    world = World(outcomes=ASYNC_2, posts={2: 409})

    outcome = world.run(machine_of(a_call(COPY, ASYNC)))

    assert outcome == Cancelled()


@pytest.mark.parametrize("reason", Reason)
def test_what_harmony_cancelled_stays_cancelled(reason: Reason) -> None:
    """Its calls may take longer to end than the request had left."""
    world = World(outcomes=ASYNC_2, posts={0: 409})
    machine = machine_of(a_call(COPY, ASYNC))
    first, second = (
        action for action in machine.start(0) if isinstance(action, Submit)
    )
    (post,) = (
        action
        for action in machine.on(world.answer_to(first))
        if isinstance(action, Post)
    )
    assert Cancel(key=second.key) in machine.on(world.answer_to(post))

    assert machine.on(Stopped(at=world.at, reason=reason)) == []

    assert machine.on(world.answer_to(second))[-1] == End(Cancelled())


@pytest.mark.parametrize(
    ("reason", "end"), [(Reason.CLIENT, "Cancelled"), (Reason.MAX_EXEC_TIME, "")]
)
def test_harmony_is_told_the_end_once(reason: Reason, end: str) -> None:
    """E24: it was told before the request was cancelled."""
    hrefs = [f"s3://b/{number}-{'x' * 6000}.nc" for number in range(200)]
    world = World(
        outcomes={"s1.b0": made(*hrefs), "s1.b1": made()},
        interrupt=("end/outputs", reason),
    )

    failure, _ = carried_out(a_call(COPY, ASYNC), world, settings(work_dir="/w"))

    assert failure == end
    assert [query for query in world.queries if "item[href]" not in query] == [
        {"status": "successful"}
    ]


def test_what_waits_is_not_told_before_the_end() -> None:
    """The last post waited behind one that Harmony did not take."""
    world = World(
        outcomes={**ASYNC_2, "s1.b1": an_outcome("noretry")},
        posts={0: 503},
        interrupt=("cb1/w1", Reason.CLIENT),
    )

    carried_out(a_call(COPY, ASYNC), world)

    assert [*world.queries[-1]] == ["error"]
    assert len(world.queries) == 2
