"""Steps that wait for all outputs, or take lots; what the next step is told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_chained import a_step, chained
from harmony_corpus import operation
from harmony_outcomes import SOURCE, a_catalog, an_item, an_outcome, by_unit, made
from harmony_requests import COPY
from harmony_runs import World, a_call, carried_out

from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.settings import Settings

ASYNC_3 = operation("async-3.json")
CONCATENATE = (Operation.CONCATENATE,)


TWO = (a_step(1), a_step(2))


# ── gathering ──
def test_a_step_waits_for_all_in_the_order_of_the_granules() -> None:
    """Not in the order in which the calls ended; failed ones leave no hole."""
    loaded = chained(a_step(1), a_step(2, waits_for_all=True))
    world = World(answer=by_unit, outcomes={"s1.b0": an_outcome("noretry")})

    failure, result = carried_out(a_call(COPY, ASYNC_3), world, loaded)

    assert world.keys[-1] == "s2.a0/a0"
    files = world.arguments("s2.a0/a0")["sources"]["files"]
    assert [name for name in files if name != "catalog.json"] == [
        "item0.json",
        "item1.json",
    ]
    hrefs = [files[f"item{n}.json"]["assets"]["data"]["href"] for n in (0, 1)]
    assert hrefs == ["s3://b/s1.b1.nc", "s3://b/s1.b2.nc"]
    assert failure.startswith("NoRetry: 1 of 3 items failed")
    assert result["outputs"][0]["provenance"]["granules"] == ["G1002-A", "G1003-A"]


def test_granules_of_two_collections_keep_their_order() -> None:
    """Batches are split by source; what is stitched together is not."""
    two = operation("two-sources-13.json")
    loaded = chained(a_step(1), a_step(2, waits_for_all=True))
    chain = attrs.evolve(loaded.chains[COPY], collections=None)
    loaded = attrs.evolve(loaded, chains={COPY: chain})
    world = World(answer=by_unit)

    failure, result = carried_out(a_call(COPY, two), world, loaded)

    ids = [granule["id"] for source in two["sources"] for granule in source["granules"]]
    assert failure == ""
    assert result["outputs"][0]["provenance"]["granules"] == ids


def test_a_catalog_may_mix_collections() -> None:
    """Its items are gathered as they stood in it, not collection by collection."""
    two = operation("two-sources-13.json")
    one, other = (source["collection"] for source in two["sources"])
    sources = [{"collection": one}, {"collection": other}]
    concepts = "https://cmr.uat.earthdata.nasa.gov/search/concepts"
    files: dict[str, Any] = {"catalog.json": a_catalog()}
    for place, source in enumerate((one, other, one)):
        item = an_item(f"https://h/{place}") | {"id": f"g{place}"}
        link = {"rel": "harmony_source", "href": f"{concepts}/{source}"}
        files[f"i{place}.json"] = item | {"links": [link]}
        files["catalog.json"]["links"].append({"rel": "item", "href": f"i{place}.json"})
    loaded = chained(a_step(1), a_step(2, waits_for_all=True))
    chain = attrs.evolve(loaded.chains[COPY], collections=None, batch_size=1)
    loaded = attrs.evolve(loaded, chains={COPY: chain})
    call = a_call(COPY, two | {"sources": sources}, {"files": files})

    failure, result = carried_out(call, World(answer=by_unit), loaded)

    assert failure == ""
    assert result["outputs"][0]["provenance"]["granules"] == ["g0", "g1", "g2"]


def test_nothing_is_gathered_where_nothing_succeeded() -> None:
    """The step does not run."""
    loaded = chained(a_step(1), a_step(2, waits_for_all=True), a_step(3))
    world = World(answer=lambda *_: an_outcome("nodata"))

    failure, _ = carried_out(a_call(COPY, ASYNC_3), world, loaded)

    assert failure == ""
    assert [key.partition(".")[0] for key in world.keys] == ["s1"] * 3


def lots_of(count: int, **step: Any) -> Settings:
    """Return settings whose second step gets lots of at most so many inputs."""
    second = a_step(
        2,
        operations=CONCATENATE,
        is_batched=True,
        max_batch_inputs=count,
        **step,
    )
    return chained(a_step(1), second)


def test_a_lot_leaves_as_soon_as_it_is_full() -> None:
    """Its call goes before those of batches that are not begun."""
    message = operation("async-3.json", concatenate=True)
    world = World(answer=by_unit)

    failure, result = carried_out(a_call(COPY, message), world, lots_of(1))

    assert failure == ""
    assert world.keys.index("s2.a0/a0") < world.keys.index("s1.b2/a0")
    assert sorted(output["unit"] for output in result["outputs"]) == [
        "s2.a0",
        "s2.a1",
        "s2.a2",
    ]


def test_the_last_lot_may_have_room() -> None:
    """All that is left goes, once nothing more will come."""
    message = operation("async-3.json", concatenate=True)
    world = World(answer=by_unit)

    carried_out(a_call(COPY, message), world, lots_of(2))

    made_of = [
        len(world.arguments(key)["sources"]["files"]) - 1
        for key in ("s2.a0/a0", "s2.a1/a0")
    ]
    assert made_of == [2, 1]


def test_lots_are_gathered_again() -> None:
    """A step that waits for all may follow one that takes lots."""
    steps = (*lots_of(2).chains[COPY].steps, a_step(3, waits_for_all=True), a_step(4))
    message = operation("async-3.json", concatenate=True)
    world = World(answer=by_unit)

    failure, result = carried_out(a_call(COPY, message), world, chained(*steps))

    assert failure == ""
    assert world.keys[-2:] == ["s3.a0/a0", "s4.a0.0/a0"]
    assert len(world.arguments("s3.a0/a0")["sources"]["files"]) == 3
    assert [output["unit"] for output in result["outputs"]] == ["s4.a0.0"]


# ── what the next step is told ──
def left(**fields: Any) -> dict[str, Any]:
    """Return what a service left of async-3; a field that is None it dropped."""
    message = operation("async-3.json", callback=None, accessToken=None)
    changed = {**message, **fields}
    return {name: value for name, value in changed.items() if value is not None}


def remaining(*steps: Step) -> Settings:
    """Return settings whose steps are told what the ones before them left."""
    return chained(*steps, is_flow_declared=False)


def test_a_step_is_told_what_the_one_before_it_left() -> None:
    """H-18, `remaining`: what was done is not asked for again."""
    message = left(temporal=None, format={"mime": None}, subset=None)
    first = made("s3://b/1", message=message)
    world = World(answer=by_unit, outcomes={"s1.b0": first})

    carried_out(a_call(COPY, ASYNC_3), world, remaining(*TWO))

    told = world.arguments("s2.b0.0/a0")["message"]
    assert (told["format"], told["subset"]) == ({}, {})
    assert told["accessToken"] == world.arguments("s1.b0/a0")["message"]["accessToken"]
    whole = world.arguments("s2.b1.0/a0")["message"]
    assert whole["format"] == ASYNC_3["format"]


def test_a_step_is_told_the_request_whatever_was_left_of_it() -> None:
    """H-18, `declared`: what a step has to do is said in services.yml."""
    first = made("s3://b/1", message=left(temporal=None, format={"mime": None}))
    world = World(answer=by_unit, outcomes={"s1.b0": first})
    steps = (a_step(1), a_step(2, operations=(Operation.REFORMAT,)))

    carried_out(a_call(COPY, ASYNC_3), world, chained(*steps))

    told = world.arguments("s2.b0.0/a0")["message"]
    assert told["format"]["mime"] == ASYNC_3["format"]["mime"]
    assert "bbox" not in told["subset"]


def test_what_one_service_did_not_do_is_still_to_be_done() -> None:
    """For an aggregate a field is gone only if all dropped it."""
    loaded = remaining(a_step(1), a_step(2, waits_for_all=True))
    outcomes = {
        "s1.b0": made("s3://b/0", message=left(format={}, subset={"point": [1, 2]})),
        "s1.b1": made("s3://b/1", message=left(subset={}, sources=[])),
        "s1.b2": made("s3://b/2", message=left(format={}, subset={})),
    }
    world = World(answer=by_unit, outcomes=outcomes)

    carried_out(a_call(COPY, ASYNC_3), world, loaded)

    told = world.arguments("s2.a0/a0")["message"]
    assert told["format"] == ASYNC_3["format"]
    assert told["subset"] == {"point": [1, 2]}
    assert told["sources"][0]["collection"] == SOURCE


@pytest.mark.parametrize("message", [None, [], left(version="9.0.0")])
def test_what_is_no_message_is_not_told(message: Any) -> None:
    """The request's own is, then."""
    first = made("s3://b/1", message=message)
    world = World(answer=by_unit, outcomes={"s1.b0": first})

    carried_out(a_call(COPY, ASYNC_3), world, remaining(*TWO))

    told = world.arguments("s2.b0.0/a0")["message"]
    assert told["format"] == ASYNC_3["format"]


def test_the_result_tells_what_is_left() -> None:
    """The next service of a chain outside of us goes by it."""
    outcomes = {
        f"s1.b{n}": made(f"s3://b/{n}", message=left(subset={})) for n in range(3)
    }
    world = World(outcomes=outcomes)

    _, result = carried_out(a_call(COPY, ASYNC_3), world, chained(a_step(1)))

    assert result["message"]["subset"] == {}
    assert "accessToken" not in result["message"]
    assert "callback" not in result["message"]
    assert "granules" not in result["message"]["sources"][0]
