"""A request on its way: too many failures, documents, settings that are gone."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_corpus import operation, settings
from harmony_outcomes import ASYNC_2, SOURCE, an_outcome, by_unit, made
from harmony_requests import COPY, JOB, bound, chain_with, one_item
from harmony_runs import World, a_call, carried_out, machine_of

from harpcaller.adapters.harmony import ADAPTER
from harpcaller.adapters.harmony.keeping import keep
from harpcaller.adapters.harmony.making import make_machine
from harpcaller.adapters.machine import End, Ended, Machine, Posted
from protocol.call import Call
from protocol.jsontext import decode, encode
from protocol.outcome import Failed, Raised

ASYNC = operation("async-2.json")
SYNC = operation("sync-1.json")
OPEN = operation("async-2.json", sources=[{"collection": SOURCE}])


# ── too much fails ──
def many(count: int) -> dict[str, Any]:
    """Return a message of many granules."""
    granule = ASYNC["sources"][0]["granules"][0]
    granules = [
        {**granule, "id": f"G{n}", "name": f"g{n}.nc", "url": f"https://h/g{n}.nc"}
        for n in range(count)
    ]
    return operation(
        "async-2.json", sources=[{**ASYNC["sources"][0], "granules": granules}]
    )


@pytest.mark.parametrize(
    ("changes", "calls"),
    [({"max_errors": 2}, 4), ({"max_failed_percent": 50}, 11)],
)
def test_a_hopeless_request_is_given_up(changes: dict[str, Any], calls: int) -> None:
    """The others are not worth their time."""
    world = World(answer=lambda *_: an_outcome("noretry"))

    failure, _ = carried_out(a_call(COPY, many(30)), world, settings(**changes))

    assert failure.startswith("NoRetry: ")
    assert len(world.calls) == calls
    assert world.notes("cancelling") == [
        {"harmony": "cancelling", "reason": "failures"}
    ]


def test_lost_calls_are_made_again() -> None:
    """The dispatcher lost them; three times at most."""
    lost = {"error": {"type": "missing_result", "message": "m"}}
    world = World(outcomes={"s1.b0": lost})

    failure, _ = carried_out(a_call(COPY, SYNC), world, settings(retry_limit=0))

    assert failure == "Unknown: copy: Service request failed with an unknown error"
    assert len(world.calls) == 4
    assert world.sleeps == []


def test_progress_is_told_only_when_it_rises() -> None:
    """A hundred calls are enough for Harmony to see it move."""
    world = World(answer=by_unit)

    carried_out(a_call(COPY, many(150)), world)

    told = [int(query["progress"]) for query in world.queries if "progress" in query]
    assert told == sorted(set(told))
    assert len(told) < 100
    assert [note["percent"] for note in world.notes("progress")] == told


def test_a_call_that_never_began_took_no_time() -> None:
    """The dispatcher refused it: the service was not there."""
    machine = machine_of(a_call(COPY, SYNC))
    machine.start(0)

    machine.on(
        Ended(
            key="s1.b0/a0",
            at=1,
            job_id=JOB,
            outcome=Failed(type="unknown_host", message="m"),
            started_at=None,
            ended_at=None,
        )
    )
    (*_, end) = machine.on(
        Posted(key="cb1/a0", at=2, status=200, retry_after_s=None, body=b"")
    )

    assert isinstance(end, End)
    assert isinstance(end.outcome, Raised)
    assert end.outcome.message == "copy: The service is not available"
    result: Any = decode(end.outcome.data or b"")
    assert result["units"][0]["attempts"] == [
        {"job_id": JOB, "outcome": "unknown_host", "seconds": None}
    ]


def test_a_call_that_is_too_large_is_not_made() -> None:
    """E18: nothing is ever cut."""
    loaded = attrs.evolve(settings(), max_worker_line_bytes=100)
    world = World()

    failure, _ = carried_out(a_call(COPY, SYNC), world, loaded)

    assert failure == "NoRetry: copy: Request is too large for the dispatcher"
    assert world.calls == []


# ── documents ──
def test_inputs_are_written_before_the_call() -> None:
    """The worker finds them where its call says."""
    world = World(outcomes=ASYNC_2)

    carried_out(a_call(COPY, ASYNC), world, settings(work_dir="/w"))

    assert f"/w/{JOB}/s1.b0/in/catalog.json" in world.saved
    assert world.arguments("s1.b0/a0")["sources"] == f"/w/{JOB}/s1.b0/in/catalog.json"


def test_a_large_message_is_a_file_without_the_token() -> None:
    """The token travels beside it, sealed."""
    message = operation("sync-1.json", extraArgs={"long": "x" * 300_000})
    world = World(answer=by_unit)

    carried_out(a_call(COPY, message), world, settings(work_dir="/w"))

    arguments = world.arguments("s1.b0/a0")
    body = world.saved[arguments["message_file"]]
    assert arguments["message_file"] == f"/w/{JOB}/s1.b0/message.json"
    assert "accessToken" not in body
    assert arguments["accessToken"].startswith("sealed:")


def test_what_cannot_be_written_is_written_again() -> None:
    """The disk may have been full; the attempt counts."""
    world = World(answer=by_unit, save_fails=["s1.b0/a0/w1"])

    failure, result = carried_out(a_call(COPY, SYNC), world, settings(work_dir="/w"))

    assert failure == ""
    assert world.keys == ["s1.b0/a1"]
    assert world.sleeps == [2.5]
    assert len(result["units"][0]["attempts"]) == 1


def long_names() -> list[str]:
    """Return hrefs that fill a result."""
    return [f"s3://b/{number}-{'x' * 6000}.nc" for number in range(200)]


def test_a_large_result_is_spilled() -> None:
    """The lists are in the run directory, and counted."""
    hrefs = long_names()
    world = World(outcomes={"s1.b0": made(*hrefs), "s1.b1": made()})

    failure, result = carried_out(a_call(COPY, ASYNC), world, settings(work_dir="/w"))

    href = f"/w/{JOB}/outputs.json"
    assert failure == ""
    assert result["outputs"] == {"href": href, "count": 200}
    assert len(world.saved[href]) == 200
    assert result["stac"] == {"href": f"/w/{JOB}/stac/catalog.json"}
    assert f"/w/{JOB}/stac/item0.json" in world.saved
    assert len(encode(result)) < 2**20


def test_a_result_that_cannot_be_spilled_is_whole() -> None:
    """Better too large than lost."""
    hrefs = long_names()
    world = World(
        outcomes={"s1.b0": made(*hrefs), "s1.b1": made()}, save_fails=["end/outputs"]
    )

    _, result = carried_out(a_call(COPY, ASYNC), world, settings(work_dir="/w"))

    assert len(result["outputs"]) == 200


def test_a_result_without_a_place_is_whole() -> None:
    """There is nowhere to write it."""
    hrefs = long_names()
    world = World(outcomes={"s1.b0": made(*hrefs), "s1.b1": made()})

    _, result = carried_out(a_call(COPY, ASYNC), world)

    assert len(result["outputs"]) == 200


# ── the machine of a job ──
def at_once(machine: Machine) -> Any:
    """Return how a machine ends that does so at once."""
    (end,) = machine.start(0)
    assert isinstance(end, End)
    answer = Posted(key="cb1/a0", at=0, status=None, retry_after_s=None, body=b"")
    assert machine.on(answer) == []
    return end.outcome


def test_settings_of_another_version_end_a_job() -> None:
    """Nothing can be said of what they meant."""
    call = a_call(COPY, ASYNC)

    outcomes = [
        at_once(make_machine(kept, JOB, call)) for kept in (b"{}", broken_settings())
    ]

    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert {outcome.type for outcome in outcomes} == {"missing_result"}


def broken_settings() -> bytes:
    """Return settings with a key that there is no more."""
    kept: Any = decode(keep(settings(), a_call(COPY, ASYNC)))
    kept["table"]["gone"] = 1
    return encode(kept)


def test_a_service_that_is_gone_ends_its_job() -> None:
    """A reload took it away while the job waited for its turn."""
    call = a_call("test/gone", ASYNC)
    machine = make_machine(keep(settings(), call), JOB, call)
    world = World()

    outcome = world.run(machine)

    assert isinstance(outcome, Raised)
    assert outcome.message == 'Unknown service "test/gone"'
    assert world.queries == [{"error": outcome.message}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operation": ASYNC, "options": "sealed:x:1"}, "options"),
        ("sealed:x:1", "arguments"),
    ],
)
def test_a_client_may_seal_too_much(arguments: Any, message: str) -> None:
    """What nobody may read cannot be carried out."""
    call = Call(host="@harmony", procedure=COPY, arguments=encode(arguments))

    outcome = at_once(make_machine(keep(settings(), call), JOB, call))

    assert isinstance(outcome, Raised)
    assert outcome.type == "NoRetry"
    assert message in outcome.message


def test_a_sealed_message_is_no_message() -> None:
    """Neither is a callback that stands for several things."""
    arguments = encode({"operation": "sealed:x:1"})
    call = Call(host="@harmony", procedure=COPY, arguments=arguments)
    world = World()

    outcome = world.run(make_machine(keep(settings(), call), JOB, call))

    assert isinstance(outcome, Raised)
    assert outcome.message == "Message must be a JSON object"
    assert world.posted == []


def test_one_queue_for_all_requests_lets_who_waits_pass() -> None:
    """H-26: those that somebody waits for have a queue of their own."""
    loaded = bound(is_per_service=True)
    large, small = World(outcomes=ASYNC_2), World(answer=by_unit)

    carried_out(a_call(COPY, ASYNC), large, loaded)
    carried_out(a_call(COPY, SYNC), small, loaded)

    names = []
    for world in (large, small):
        queue = world.calls[0].call.queue
        assert queue is not None
        names.append(decode(queue.name))
    assert names == [{"harmony": COPY}, {"harmony": COPY, "sync": True}]


def test_the_adapter_tells_its_places() -> None:
    """What the core may read and write for it."""
    places = ADAPTER.places(settings(work_dir="/w", work_group="g"))

    assert (places.work_dir, places.work_group) == ("/w", "g")
    assert [place.text for place in places.read] == [
        "https:",
        "s3:",
        "http://opendap.two.example.com:80/",
        "http://127.0.0.1:*/",
    ]


def test_a_catalog_that_came_along_goes_on_as_it_is() -> None:
    """If all of it is one call's."""
    world = World(answer=by_unit)
    bundle = one_item()
    bundle["files"]["catalog.json"]["links"] = [{"rel": "item", "href": "./item1.json"}]

    failure, _ = carried_out(a_call(COPY, OPEN, bundle), world, chain_with())

    assert failure == ""
    assert world.arguments("s1.b0/a0")["sources"] == bundle
