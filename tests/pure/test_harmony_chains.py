"""Steps that follow each other: what is handed on, and what is left to read."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_chained import a_step, chained
from harmony_corpus import operation
from harmony_outcomes import (
    SOURCE,
    a_bundle,
    a_catalog,
    an_end,
    an_item,
    an_outcome,
    by_unit,
)
from harmony_requests import COPY, JOB
from harmony_runs import World, a_call, carried_out

from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.machine import Sleep, Submit

ASYNC_3 = operation("async-3.json")
CONCATENATE = (Operation.CONCATENATE,)


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


def test_what_is_nearest_to_its_end_goes_first() -> None:
    """First results come early: a lost call waits for the second steps."""
    files = {
        f"{number}.json": a_catalog(("item", f"./i{number}.json"), source=SOURCE)
        for number in range(3)
    }
    items = {f"i{n}.json": an_item(f"s3://b/{n}") for n in range(3)}
    first = an_end(
        catalogs=[*files], stac={"root": "0.json", "files": {**files, **items}}
    )
    lost = {"error": {"type": "missing_result", "message": "lost"}}
    outcomes = {"s1.b0": first, "s1.b1/a0": lost}
    world = World(answer=by_unit, outcomes=outcomes)

    failure, _ = carried_out(a_call(COPY, ASYNC_3), world, chained(*TWO))

    assert failure == ""
    assert world.keys.index("s2.b0.2/a0") < world.keys.index("s1.b1/a1")


def test_a_batch_that_is_tried_again_keeps_its_place() -> None:
    """It is in flight while it waits: no other one is begun for it."""
    broken = an_outcome("server")
    world = World(answer=by_unit, outcomes={"s1.b0/a0": broken})

    failure, _ = carried_out(a_call(COPY, ASYNC_3), world, chained(a_step(1)))

    (paused,) = (
        actions
        for actions in world.steps
        if any(
            isinstance(action, Sleep) and action.key == "s1.b0/z1" for action in actions
        )
    )
    assert failure == ""
    assert not any(isinstance(action, Submit) for action in paused)


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


def test_a_tree_that_leads_out_of_its_folder_is_written_anew() -> None:
    """The next worker would refuse it, and the user read of a service that is down."""
    files = {
        "catalog.json": a_catalog(("item", "../i.json"), source=SOURCE),
        "../i.json": an_item("s3://b/x"),
    }
    first = an_end(stac={"root": "catalog.json", "files": files})
    world = World(answer=by_unit, outcomes={"s1.b0": first})

    failure, _ = carried_out(a_call(COPY, ASYNC_3), world, chained(*TWO))

    assert failure == ""
    handed_on = world.arguments("s2.b0.0/a0")["sources"]["files"]
    assert list(handed_on) == ["catalog.json", "item0.json"]


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


def test_a_catalog_does_not_lead_to_what_may_not_be_read() -> None:
    """A worker names any document; we read where granules may be."""
    catalog = a_catalog(("item", "file:///etc/shadow"), source=SOURCE)
    documents = {
        f"/shared/{JOB}/s1.b0/a0/out/catalog.json": catalog,
        "file:///etc/shadow": an_item("s3://b/x"),
    }
    world = World(outcomes={"s1.b0": an_end()}, documents=documents)
    loaded = attrs.evolve(chained(a_step(1), work_dir="/shared"), retry_limit=0)

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == "Service: copy: Cannot parse STAC catalog output from service"


def test_another_calls_outputs_are_no_outputs() -> None:
    """They are where we may read, and still nothing that this call has made."""
    other = f"/shared/{JOB}/s1.b1/a0/out"
    files = a_bundle("s3://b/x")["files"]
    documents = {f"{other}/{name}": body for name, body in files.items()}
    end = an_end(catalogs=["../../../s1.b1/a0/out/catalog.json"])
    world = World(outcomes={"s1.b0": end}, documents=documents)
    loaded = attrs.evolve(chained(a_step(1), work_dir="/shared"), retry_limit=0)

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == "Service: copy: Cannot parse STAC catalog output from service"
