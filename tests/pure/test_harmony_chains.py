"""Steps that follow each other: what is handed on, gathered, and told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_corpus import operation
from harmony_requests import COPY, JOB, chain_with
from harmony_runs import (
    SOURCE,
    World,
    a_bundle,
    a_call,
    a_catalog,
    an_end,
    an_item,
    an_outcome,
    by_unit,
    carried_out,
    made,
)

from harpcaller.adapters.harmony.bindings import Reach
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.settings import Settings

ASYNC_3 = operation("async-3.json")
CONCATENATE = (Operation.CONCATENATE,)


def chained(*steps: Step, work_dir: str | None = None, **binding: Any) -> Settings:
    """Return settings whose service has these steps; `binding` changes that of all."""
    loaded = chain_with()
    chain = attrs.evolve(loaded.chains[COPY], steps=steps, parallelism=2)
    shared = {"is_shared": work_dir is not None, **binding}
    bound = attrs.evolve(loaded.bindings[COPY], **shared)
    return attrs.evolve(
        loaded,
        chains={COPY: chain},
        bindings={COPY: bound},
        work_dir=work_dir,
    )


def a_step(number: int, **fields: Any) -> Step:
    """Return a step of the one image there is."""
    return Step(number=number, image=COPY, **fields)


TWO = (a_step(1), a_step(2))


# ── fan-out ──
def test_each_catalog_is_a_unit_of_the_next_step() -> None:
    """In their order; one without items ends its line."""
    files = {
        "c1.json": a_catalog(("item", "./i1.json"), source=SOURCE),
        "c2.json": a_catalog(source=SOURCE),
        "c3.json": a_catalog(("item", "./i3.json"), source=SOURCE),
        "i1.json": an_item("s3://b/1"),
        "i3.json": an_item("s3://b/3"),
    }
    names = ["c1.json", "c2.json", "c3.json"]
    first = an_end(catalogs=names, stac={"root": "c1.json", "files": files})
    world = World(answer=by_unit, outcomes={"s1.b0": first})

    failure, _ = carried_out(
        a_call(COPY, operation("sync-1.json", isSynchronous=False)),
        world,
        chained(*TWO),
    )

    assert failure == ""
    assert world.keys == ["s1.b0/a0", "s2.b0.0/a0", "s2.b0.2/a0"]
    assert world.arguments("s2.b0.2/a0")["sources"] == {
        "root": "c3.json",
        "files": {name: files[name] for name in ("c3.json", "i3.json")},
    }


def test_live_calls_are_bounded_where_lines_fan_out() -> None:
    """A request holds no more workers than it may, however many catalogs there are."""
    hrefs = [f"s3://b/{number}" for number in range(6)]
    files = {
        f"{number}.json": a_catalog(("item", f"./i{number}.json"), source=SOURCE)
        for number in range(6)
    }
    items = {f"i{number}.json": an_item(href) for number, href in enumerate(hrefs)}
    first = an_end(
        catalogs=[*files], stac={"root": "0.json", "files": {**files, **items}}
    )

    def answer(key: str, arguments: Any) -> Any:
        return first if key.startswith("s1") else by_unit(key, arguments)

    world = World(answer=answer)

    failure, result = carried_out(a_call(COPY, ASYNC_3), world, chained(*TWO))

    assert failure == ""
    assert world.most_live == 2
    assert len(result["outputs"]) == 18


def test_a_catalog_is_handed_on_by_its_path() -> None:
    """Where workers share a directory; nothing is read that is not needed."""
    world = World(answer=by_unit)
    loaded = chained(*TWO, work_dir="/shared")

    carried_out(a_call(COPY, ASYNC_3), world, loaded)

    arguments = world.arguments("s2.b1.0/a0")
    assert arguments["sources"] == f"/shared/{JOB}/s1.b1/a0/out/catalog.json"
    assert not any("s2" in uri for uri in world.saved)


def test_a_catalog_without_source_is_written_anew() -> None:
    """The library takes it for an error where a message has several sources."""
    lost = an_end(stac=a_bundle("s3://b/x", source=None))
    world = World(answer=by_unit, outcomes={"s1.b0": lost})
    loaded = chained(*TWO, work_dir="/shared")

    failure, _ = carried_out(a_call(COPY, ASYNC_3), world, loaded)

    place = f"/shared/{JOB}/s2.b0.0/in/catalog.json"
    assert failure == ""
    assert world.arguments("s2.b0.0/a0")["sources"] == place
    (link,) = [
        link for link in world.saved[place]["links"] if link["rel"] == "harmony_source"
    ]
    assert link["href"].endswith(f"/concepts/{SOURCE}")


def test_files_are_found_from_where_they_are() -> None:
    """The library cannot read relative hrefs of assets."""
    relative = an_end(stac=a_bundle("./x.nc"))
    world = World(answer=by_unit, outcomes={"s1.b0": relative})
    loaded = chained(*TWO, work_dir="/shared")

    carried_out(a_call(COPY, ASYNC_3), world, loaded)

    item = world.saved[f"/shared/{JOB}/s2.b0.0/in/item0.json"]
    href = f"file:///shared/{JOB}/s1.b0/a0/out/x.nc"
    assert item["assets"]["data"]["href"] == href


def test_an_output_of_no_known_collection_goes_no_further() -> None:
    """The next service would take it for another's."""
    lost = an_end(stac=a_bundle("s3://b/x", source=None))
    two = operation("two-sources-13.json")
    loaded = chained(*TWO)
    chain = attrs.evolve(loaded.chains[COPY], batch_size=0, collections=None)
    loaded = attrs.evolve(loaded, chains={COPY: chain})
    world = World(outcomes={"s1.b0": lost})

    failure, _ = carried_out(a_call(COPY, two), world, loaded)

    assert failure == "Service: Could not match granule to a collection"


def test_the_last_output_needs_no_collection() -> None:
    """It is posted as it is; in our catalog it is of the first input's."""
    lost = an_end(stac=a_bundle("s3://b/x", source=None))
    two = operation("two-sources-13.json")
    loaded = chained(a_step(1))
    chain = attrs.evolve(loaded.chains[COPY], batch_size=0, collections=None)
    loaded = attrs.evolve(loaded, chains={COPY: chain})
    world = World(outcomes={"s1.b0": lost})

    failure, result = carried_out(a_call(COPY, two), world, loaded)

    assert failure == ""
    assert result["outputs"][0]["source"] == two["sources"][0]["collection"]


# ── what large results left ──
def test_a_large_catalog_is_read_from_the_directory() -> None:
    """A result carries no more than it has to."""
    out = f"/shared/{JOB}/s1.b0/a0/out"
    bundle = a_bundle("s3://b/1", "s3://b/2")
    documents = {f"{out}/{name}": body for name, body in bundle["files"].items()}
    world = World(outcomes={"s1.b0": an_end()}, documents=documents)

    failure, result = carried_out(
        a_call(COPY, operation("sync-1.json", isSynchronous=False)),
        world,
        chained(a_step(1), work_dir="/shared"),
    )

    assert failure == ""
    assert [output["href"] for output in result["outputs"]] == ["s3://b/1", "s3://b/2"]


@pytest.mark.parametrize(
    ("fields", "work_dir", "text"),
    [
        ({"catalogs": []}, None, "Service did not return any outputs"),
        ({"catalogs": "c"}, None, "Cannot parse STAC catalog output from service"),
        ({"catalogs": [7]}, None, "Cannot parse STAC catalog output from service"),
        ({"stac": {"files": 7}}, None, "Cannot parse STAC catalog output from service"),
        ({}, None, "Cannot parse STAC catalog output from service"),
        ({}, "/shared", "Cannot parse STAC catalog output from service"),
        (
            {"catalogs": ["../../x.json"]},
            "/shared",
            "Cannot parse STAC catalog output from service",
        ),
        (
            {"stac": {"files": {"catalog.json": {"type": "Catalog"}}}},
            None,
            "Cannot parse STAC catalog output from service",
        ),
    ],
)
def test_what_is_no_output_is_a_failure(
    fields: dict[str, Any], work_dir: str | None, text: str
) -> None:
    """It is tried again: the next attempt may have more luck."""
    world = World(outcomes={"s1.b0": an_end(**fields)})
    loaded = attrs.evolve(chained(a_step(1), work_dir=work_dir), retry_limit=1)

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == f"Service: copy: {text}"
    assert world.keys == ["s1.b0/a0", "s1.b0/a1"]


def test_a_document_that_is_no_json_is_a_failure() -> None:
    """Whoever wrote it."""
    documents = {f"/shared/{JOB}/s1.b0/a0/out/catalog.json": b"{"}
    world = World(outcomes={"s1.b0": an_end()}, documents=documents)
    loaded = attrs.evolve(chained(a_step(1), work_dir="/shared"), retry_limit=0)

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == "Service: copy: Cannot parse STAC catalog output from service"


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


# ── other ways to reach a service ──
@pytest.mark.parametrize("reach", [Reach.METHOD, Reach.HTTP])
def test_a_plain_procedure_gives_hrefs(reach: Reach) -> None:
    """It needs no STAC: extent and time are those of its input."""
    loaded = chained(a_step(1), reach=reach, url="http://h/")
    world = World(answer=lambda key, _: {"result": f"s3://b/{key[:5]}.png"})

    failure, result = carried_out(a_call(COPY, ASYNC_3), world, loaded)

    assert failure == ""
    assert result["outputs"][0]["type"] == "image/png"
    assert result["outputs"][0]["bbox"] == [-180, -90, 180, 90]


def test_a_plain_procedure_may_give_nonsense() -> None:
    """It will not get better."""
    loaded = chained(a_step(1), reach=Reach.METHOD)
    world = World(answer=lambda *_: {"result": 7})

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == "Service: copy: its result is no href, and no list of them"
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    ("kind", "calls", "end"),
    [
        ("Forbidden", 1, "Forbidden: copy: m"),
        ("NoRetry", 1, "NoRetry: copy: m"),
        ("Server", 2, "Server: copy: m"),
        ("ValueError", 2, "Unknown: copy: m"),
        ("NoData", 1, "NoData: No data found to process"),
    ],
)
def test_exceptions_may_have_the_words_of_the_library(
    kind: str, calls: int, end: str
) -> None:
    """The worker's procedure for HTTP services raises them."""
    loaded = attrs.evolve(chained(a_step(1), reach=Reach.HTTP), retry_limit=1)
    world = World(answer=lambda *_: {"exception": {"type": kind, "message": "m"}})

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == end
    assert len(world.calls) == calls
