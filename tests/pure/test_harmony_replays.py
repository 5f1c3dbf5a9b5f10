"""Machines that are told what others were told before (H-27)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harmony_corpus import corpus_json, operation, settings
from harmony_outcomes import ASYNC_2, an_outcome, chain_outcome, third
from harmony_requests import JOB
from harmony_runs import World, a_call, carried_out, machine_of

from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.machine import End, Note, Reason, Submit
from protocol.call import Call
from protocol.jsontext import decode
from protocol.outcome import Cancelled

COPY = "test/copy"
REQUEST = "e0e08e1a-b0bb-5209-a14f-f1cf790e4987"


# ── what all runs have in common ──
RUNS: list[tuple[str, Call, dict[str, Any], Settings | None]] = [
    ("async", a_call(COPY, operation("async-2.json")), {"outcomes": ASYNC_2}, None),
    (
        "shared",
        a_call(COPY, operation("async-2.json")),
        {"outcomes": ASYNC_2},
        settings(work_dir="/shared"),
    ),
    (
        "sync",
        a_call(COPY, operation("sync-1.json")),
        {"outcomes": {"s1.b0": an_outcome("sync-1.s1.b0")}},
        None,
    ),
    (
        "chain",
        a_call("test/chain", operation("chain-3.json")),
        {"answer": chain_outcome},
        None,
    ),
    (
        "failing",
        a_call(COPY, operation("async-3.json")),
        {"answer": third, "outcomes": {"s1.b1": an_outcome("server")}},
        None,
    ),
    (
        "ended",
        a_call(COPY, operation("async-3.json"), ignore_errors=False),
        {"answer": third, "outcomes": {"s1.b0": an_outcome("noretry")}},
        None,
    ),
    (
        "gone",
        a_call(COPY, operation("async-3.json")),
        {"answer": third, "posts": {0: 409}},
        None,
    ),
    (
        "stumbling",
        a_call(COPY, operation("async-2.json")),
        {"outcomes": ASYNC_2, "posts": {0: 503, 1: None, 2: 429}},
        None,
    ),
    (
        "cancelled",
        a_call(COPY, operation("async-3.json")),
        {"answer": third, "interrupt": ("s1.b2/a0", Reason.CLIENT)},
        None,
    ),
]


@pytest.mark.parametrize("run", RUNS, ids=[run[0] for run in RUNS])
def test_a_fresh_machine_does_as_the_one_before(
    run: tuple[str, Call, dict[str, Any], Settings | None],
) -> None:
    """H-27: told any part of the log and then the rest, it asks for the same."""
    _, call, scripted, loaded = run
    world = World(**scripted)
    world.run(machine_of(call, loaded))

    for length in range(len(world.told) + 1):
        fresh = machine_of(call, loaded)
        steps = [fresh.start(1_000_000), *map(fresh.on, world.told[:length])]
        assert steps == world.steps[: length + 1]


def test_what_is_submitted_is_named_by_its_key() -> None:
    """H-27: a child's id is made of it, so that no call is made twice."""
    world = World(outcomes=ASYNC_2)

    carried_out(a_call(COPY, operation("async-2.json")), world)

    info = [decode(submit.call.info) for submit in world.calls]
    assert [each["key"] for each in info] == world.keys  # type: ignore[index, call-overload]
    assert {each["parent"] for each in info} == {JOB}  # type: ignore[index, call-overload]


def test_a_conflict_ends_everything() -> None:
    """409: no further call, no further post."""
    world = World(answer=third, posts={0: 409})

    outcome = world.run(machine_of(a_call(COPY, operation("async-3.json"))))

    assert outcome == Cancelled()
    assert len(world.posted) == 1
    after = world.asked.index(world.posted[0])
    assert not [each for each in world.asked[after + 1 :] if isinstance(each, Submit)][
        1:
    ]
    assert world.notes("cancelling") == [{"harmony": "cancelling", "reason": "harmony"}]
    assert isinstance(world.asked[-1], End)
    assert [note for note in world.asked if isinstance(note, Note)]


def test_expected_posts_are_in_the_corpus() -> None:
    """A guard: the headers that the corpus names are those of an empty body."""
    posts = corpus_json("own/expected/async-2.seed.json")

    assert {json.dumps(post["headers"]) for post in posts} == {
        '{"Content-Length": "0"}'
    }
