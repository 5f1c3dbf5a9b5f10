"""The acceptance cases of runs (H-15 to H-22), on the machine alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from harmony_corpus import operation, settings
from harmony_outcomes import ASYNC_2, an_outcome, chain_outcome, expected, third
from harmony_requests import JOB
from harmony_runs import TOKEN, World, a_call, carried_out

from harpcaller.adapters.machine import child_id
from protocol.jsontext import decode

COPY = "test/copy"
REQUEST = "e0e08e1a-b0bb-5209-a14f-f1cf790e4987"


def queries(world: World) -> list[str]:
    """Return the queries of all posts, as text."""
    return [post.url.partition("?")[2] for post in world.posted]


def test_two_granules_are_two_items() -> None:
    """H-15: the calls, their queue, and the posts, byte for byte."""
    world = World(outcomes=ASYNC_2)

    failure, result = carried_out(a_call(COPY, operation("async-2.json")), world)

    assert (failure, result["status"]) == ("", "successful")
    assert world.keys == ["s1.b0/a0", "s1.b1/a0"]
    for submit in world.calls:
        assert (submit.call.host, submit.call.procedure) == ("worker01", "copy")
        assert submit.call.queue is not None
        name = decode(submit.call.queue.name)
        assert name == {"harmony": COPY, "request": REQUEST}
        assert submit.call.queue.concurrency == 2
        assert submit.call.retries == 0
    assert queries(world) == expected("async-2.seed")
    assert [post.url.partition("?")[0] for post in world.posted] == [
        f"{TOKEN[:-1]}1/response"
    ] * 3
    assert [note["percent"] for note in world.notes("progress")] == [50, 99]
    assert TOKEN not in json.dumps([world.notes(), result])


def test_what_an_output_comes_from_is_told() -> None:
    """Provenance: service, version, time, granules, request."""
    world = World(outcomes=ASYNC_2)

    _, result = carried_out(a_call(COPY, operation("async-2.json")), world)

    provenance = result["outputs"][0]["provenance"]
    assert provenance.pop("accessed_at") > 1_000_000
    assert provenance == {
        "title": "Copy",
        "version": "1.0",
        "publisher": "Test",
        "granules": ["G1001-A"],
        "request": REQUEST,
    }
    assert result["units"][0]["attempts"] == [
        {
            "job_id": child_id(JOB, "s1.b0/a0"),
            "outcome": "result",
            "seconds": 0.5,
        }
    ]


def test_one_at_a_time_is_one_at_a_time() -> None:
    """H-16: parallelism bounds what is submitted, not only what runs."""
    world = World(outcomes=ASYNC_2)

    carried_out(a_call("test/copy-serial", operation("async-2.json")), world)

    assert world.most_live == 1
    assert queries(world) == expected("async-2.seed")


@pytest.mark.parametrize(
    ("dialect", "outcome", "posts"),
    [
        ("seed", "sync-1.s1.b0", "sync-1.seed"),
        ("item-status", "sync-1.s1.b0", "sync-1.item-status"),
        ("seed", "sync-1.two-outputs", "sync-1.two-outputs.seed"),
    ],
)
def test_somebody_who_waits_gets_one_post(
    dialect: str, outcome: str, posts: str
) -> None:
    """H-17: in the words that his Harmony understands."""
    world = World(outcomes={"s1.b0": an_outcome(outcome)})

    carried_out(a_call(COPY, operation("sync-1.json"), dialect=dialect), world)

    assert queries(world) == expected(posts)
    assert len(world.calls) == 1


def test_a_chain_goes_depth_first() -> None:
    """H-18: a second step follows its first, on the catalog that it left."""
    world = World(answer=chain_outcome)

    failure, result = carried_out(
        a_call("test/chain", operation("chain-3.json")), world
    )

    assert failure == ""
    assert world.most_live == 2
    assert sorted(world.keys) == [
        "s1.b0/a0",
        "s1.b1/a0",
        "s1.b2/a0",
        "s2.b0.0/a0",
        "s2.b1.0/a0",
        "s2.b2.0/a0",
    ]
    assert world.keys.index("s2.b0.0/a0") < world.keys.index("s1.b2/a0")
    left = chain_outcome("s1.b1/a0", None)["result"]["stac"]
    assert world.arguments("s2.b1.0/a0")["sources"] == left
    told = world.arguments("s2.b1.0/a0")["message"]
    assert told["format"] == {"mime": "application/x-zarr"}
    assert told["subset"] == {}
    assert [output["unit"] for output in result["outputs"]] == [
        "s2.b0.0",
        "s2.b1.0",
        "s2.b2.0",
    ]


def test_a_failure_that_stays_is_told_last() -> None:
    """H-19: five retries, two items, and the count of what failed."""
    outcomes = {"s1.b1": an_outcome("server")}
    world = World(answer=third, outcomes=outcomes)

    failure, result = carried_out(a_call(COPY, operation("async-3.json")), world)

    text = "1 of 3 items failed: copy: The data server answered 503"
    assert failure == f"Server: {text}"
    assert result["status"] == "partial"
    assert len(world.calls) == 8
    middle = [key for key in world.keys if key.startswith("s1.b1")]
    assert middle == [f"s1.b1/a{attempt}" for attempt in range(6)]
    assert world.sleeps[:5] == [2.5, 5, 10, 20, 40]
    assert ["item[href]" in query for query in world.queries] == [True, True, False]
    assert world.queries[-1] == {"error": text}


def test_each_attempt_has_a_directory_of_its_own() -> None:
    """H-19: what a failed one left there must not be taken for another's."""
    loaded = settings(work_dir="/shared")
    world = World(answer=third, outcomes={"s1.b1": an_outcome("server")})

    carried_out(a_call(COPY, operation("async-3.json")), world, loaded)

    folders = [
        world.arguments(key)["metadata_dir"] for key in world.keys if "s1.b1" in key
    ]
    assert len(set(folders)) == 6
    assert folders[3] == f"/shared/{JOB}/s1.b1/a3/out"
    assert world.arguments("s1.b1/a5")["sources"] == (
        f"/shared/{JOB}/s1.b1/in/catalog.json"
    )


def test_what_does_not_heal_is_not_tried_again() -> None:
    """H-19: the service says so."""
    world = World(answer=third, outcomes={"s1.b1": an_outcome("noretry")})

    failure, _ = carried_out(a_call(COPY, operation("async-3.json")), world)

    assert len(world.calls) == 3
    assert failure == (
        "NoRetry: 1 of 3 items failed: copy: The projection is not possible here"
    )


def test_a_request_may_end_at_its_first_failure() -> None:
    """H-19: what runs is cancelled, what waits is never begun."""
    world = World(answer=third, outcomes={"s1.b0": an_outcome("noretry")})
    call = a_call(COPY, operation("async-3.json"), ignore_errors=False)

    failure, result = carried_out(call, world)

    assert world.keys == ["s1.b0/a0", "s1.b1/a0"]
    assert world.cancelled == ["s1.b1/a0"]
    assert list(world.queries[0]) == ["error"]
    assert failure.startswith("NoRetry: 1 of 3 items failed")
    states = [unit["state"] for unit in result["units"]]
    assert states == ["failed", "cancelled"]
    assert world.notes("cancelling") == [
        {"harmony": "cancelling", "reason": "failures"}
    ]


@pytest.mark.parametrize(
    ("empty", "message", "last", "outputs"),
    [
        (["s1.b0"], "async-2.json", {"status": "successful"}, 1),
        (["s1.b0", "s1.b1"], "async-2.json", {"status": "successful"}, 0),
        (["s1.b0"], "sync-1.json", {"error": "No data found to process"}, 0),
    ],
)
def test_no_data_is_no_failure(
    empty: list[str], message: str, last: Mapping[str, str], outputs: int
) -> None:
    """H-20: but somebody who waits for data is told that there are none."""
    nothing = {unit: an_outcome("nodata") for unit in empty}
    world = World(outcomes={**ASYNC_2, **nothing})

    failure, result = carried_out(a_call(COPY, operation(message)), world)

    assert world.queries[-1] == last
    assert len(result["outputs"]) == outputs
    assert world.sleeps == []
    assert failure == ("NoData: No data found to process" if "error" in last else "")
    assert result["units"][0]["state"] == "warning"


def test_a_request_without_data_may_be_an_error() -> None:
    """If its sender says so."""
    nothing = {unit: an_outcome("nodata") for unit in ASYNC_2}
    world = World(outcomes=nothing)

    call = a_call(COPY, operation("async-2.json"), nodata="error")
    failure, _ = carried_out(call, world)

    assert failure == "NoData: No data found to process"
    assert world.queries[-1] == {"error": "No data found to process"}


def test_an_operator_may_cancel_one_call() -> None:
    """H-21: it fails and is not tried again; the others go on."""
    world = World(outcomes={**ASYNC_2, "s1.b0": {"cancelled": True}})

    failure, _ = carried_out(a_call(COPY, operation("async-2.json")), world)

    assert world.keys == ["s1.b0/a0", "s1.b1/a0"]
    text = "1 of 2 items failed: copy: cancelled by the operator"
    assert failure == f"Canceled: {text}"
    assert world.queries[-1] == {"error": text}


def failed(kind: str) -> Any:
    """Return an outcome of the core's."""
    return {"error": {"type": kind, "message": "m"}}


def test_silence_is_tried_once_more() -> None:
    """H-22: then users read that it took too long."""
    world = World(outcomes={"s1.b0": failed("timeout")})

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world)

    assert world.keys == ["s1.b0/a0", "s1.b0/a1"]
    assert world.queries == [{"error": "Request timed out"}]
    assert failure == "Canceled: Request timed out"
