"""The inputs of a request: what is read, refused, or needs no work."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import attrs
import pytest
from harmony_corpus import corpus_json, operation, settings
from harmony_outcomes import ASYNC_2, SOURCE, a_bundle, a_catalog, an_end, by_unit
from harmony_requests import COPY
from harmony_runs import World, a_call, asked, carried_out, machine_of

from harpcaller.adapters.machine import Fetch
from protocol.call import Call
from protocol.jsontext import encode

ASYNC = operation("async-2.json")
SYNC = operation("sync-1.json")
READABLE = settings(granule_allow=["https:", "s3:", "file:///d/"])
TOO_MUCH = "it has more than 134217728 bytes in all"
OPEN = operation("async-2.json", sources=[{"collection": SOURCE}])


# ── inputs ──
def tree(name: str = "/d/catalog.json") -> dict[str, Any]:
    """Return the documents of a catalog of two granules, by their URIs."""
    folder = "own/catalogs/two-granules"
    text = json.dumps(
        {
            file: corpus_json(f"{folder}/{file}")
            for file in ("catalog.json", "item1.json", "item2.json")
        }
    )
    files = json.loads(text.replace("file://@DATA@", "https://h"))
    place = name.rpartition("/")[0]
    return {f"{place}/{file}": body for file, body in files.items()}


class Endless(Mapping[str, bytes]):
    """Documents of a server that has one more page each time, and large ones."""

    def __getitem__(self, uri: str) -> bytes:
        """Return a page, which names the next one."""
        number = int(uri.rpartition("/")[2])
        page = a_catalog(("next", f"./{number + 1}"))
        return encode(page | {"description": "x" * 4_194_000})

    def __contains__(self, uri: object) -> bool:
        """Tell that there is any page."""
        return True

    def __iter__(self) -> Iterator[str]:
        """Give none: nobody asks."""
        return iter(())

    def __len__(self) -> int:
        """Return how many there are, which nobody asks."""
        return 0


def at_path() -> Call:
    """Return a request whose catalog has to be read."""
    return a_call(COPY, OPEN, "/d/catalog.json")


@pytest.mark.parametrize("uri", ["/d/catalog.json", "https://h/d/catalog.json"])
def test_a_catalog_is_read_by_its_place(uri: str) -> None:
    """First itself, then what it leads to."""
    world = World(answer=by_unit, documents=tree(uri))

    failure, result = carried_out(a_call(COPY, OPEN, uri), world, READABLE)

    fetched = [action.key for action in world.asked if isinstance(action, Fetch)]
    assert failure == ""
    assert fetched == ["in", "in/1", "in/2"]
    assert len(result["outputs"]) == 2


def test_many_documents_are_read_a_few_at_a_time() -> None:
    """A catalog of ten thousand items must not take all there is."""
    links = [{"rel": "item", "href": f"./i{number}.json"} for number in range(40)]
    catalog = {**tree()["/d/catalog.json"], "links": links}
    world = World(documents={"/d/catalog.json": catalog})
    machine = machine_of(a_call(COPY, OPEN, "/d/catalog.json"), READABLE)
    (fetch,) = machine.start(0)
    assert isinstance(fetch, Fetch)

    actions = machine.on(world.answer_to(fetch))

    assert len([one for one in actions if isinstance(one, Fetch)]) == 16


@pytest.mark.parametrize(
    ("documents", "text"),
    [
        ({}, "catalog.json: no such file"),
        ({"/d/catalog.json": b"{"}, "catalog.json is no JSON"),
        ({"/d/catalog.json": {"a": 1}}, "catalog.json is no STAC catalog"),
    ],
)
def test_what_cannot_be_read_is_refused(documents: Any, text: str) -> None:
    """E15: it took a read to find out, so the job tells it, and Harmony is told."""
    world = World(documents=documents)

    failure, result = carried_out(
        a_call(COPY, OPEN, "/d/catalog.json"), world, READABLE
    )

    message = f"Cannot read input catalog: {text}"
    assert failure == f"NoRetry: {message}"
    assert result["code"] == "E15"
    assert result["status"] == "failed"
    assert world.queries == [{"error": message}]
    assert world.calls == []


def test_a_catalog_without_end_is_refused() -> None:
    """E15: a server makes up pages, and whoever may send a message names any server."""
    world = World(documents=Endless())
    call = a_call(COPY, OPEN, "https://h/0")

    failure, result = carried_out(call, world, READABLE)

    assert failure == f"NoRetry: Cannot read input catalog: {TOO_MUCH}"
    assert result["code"] == "E15"
    assert len([each for each in world.asked if isinstance(each, Fetch)]) == 33


def test_outputs_without_end_are_a_failure() -> None:
    """A worker's catalog may lead to such a server, too."""
    first = an_end(stac=a_bundle("s3://b/x"), catalogs=["catalog.json"])
    link = {"rel": "next", "href": "https://h/0"}
    first["result"]["stac"]["files"]["catalog.json"]["links"].append(link)
    world = World(answer=lambda *_: first, documents=Endless())
    loaded = settings(work_dir="/w", retry_limit=0)

    failure, _ = carried_out(a_call(COPY, operation("sync-1.json")), world, loaded)

    assert failure == "Service: copy: Cannot parse STAC catalog output from service"


def test_a_catalog_elsewhere_is_not_read() -> None:
    """Else whoever may send a message could read any file of ours."""
    world = World(documents={"/etc/catalog.json": {}})
    call = a_call(COPY, OPEN, "/etc/catalog.json")

    failure, _ = carried_out(call, world, READABLE)

    text = "Cannot read input catalog: catalog.json is not where granules may be"
    assert failure == f"NoRetry: {text}"
    assert not [action for action in world.asked if isinstance(action, Fetch)]


def test_too_many_granules_are_found_when_they_are_read() -> None:
    """E14, with its details."""
    loaded = attrs.evolve(READABLE, max_granules=1)
    world = World(documents=tree())

    failure, result = carried_out(a_call(COPY, OPEN, "/d/catalog.json"), world, loaded)

    assert failure == "NoRetry: Service test/copy accepts at most 1 granules"
    assert (result["code"], result["details"]) == ("E14", [])


def test_a_granule_that_fails_by_itself_leaves_the_others() -> None:
    """E16: it counts as one of the items."""
    documents = tree()
    documents["/d/item1.json"]["assets"] = {}
    world = World(answer=by_unit, documents=documents)

    failure, result = carried_out(
        a_call(COPY, OPEN, "/d/catalog.json"), world, READABLE
    )

    assert failure.startswith("NoRetry: 1 of 2 items failed: Granule ")
    assert result["status"] == "partial"
    assert len(world.notes("warning")) == 1


def test_it_may_end_the_request_at_once() -> None:
    """If nothing is to be ignored."""
    documents = tree()
    documents["/d/item1.json"]["assets"] = {}
    world = World(answer=by_unit, documents=documents)
    call = a_call(COPY, OPEN, "/d/catalog.json", ignore_errors=False)

    carried_out(call, world, READABLE)

    assert world.calls == []
    assert list(world.queries[-1]) == ["error"]


def test_an_override_may_name_the_callback() -> None:
    """`sources` may be fields that replace those of the message."""
    override = asked({"callback": "http://127.0.0.1/x"})
    message = operation("async-2.json", callback=None)
    world = World(outcomes=ASYNC_2)

    carried_out(a_call(COPY, message, override), world)

    assert world.queries[-1] == {"status": "successful"}


# ── nothing to do ──
def unneeded() -> dict[str, Any]:
    """Return a message whose service has no step to run."""
    return operation(
        "async-2.json",
        format={"mime": "image/png"},
        subset={},
        sources=[
            {name: source[name] for name in source if name != "variables"}
            for source in deepcopy(ASYNC["sources"])
        ],
    )


def test_inputs_are_outputs_where_no_step_runs() -> None:
    """What Harmony's download service does."""
    world = World()

    failure, result = carried_out(a_call("test/chain", unneeded()), world)

    urls = [g["url"] for source in ASYNC["sources"] for g in source["granules"]]
    assert failure == ""
    assert [query.get("item[href]") for query in world.queries] == [*urls, None]
    assert [query.get("progress") for query in world.queries] == [None, "99", None]
    assert [output["unit"] for output in result["outputs"]] == [None, None]
    assert result["outputs"][0]["provenance"]["granules"] == ["G1001-A"]


def test_inputs_have_to_be_reachable_too() -> None:
    """A file of ours is none that anybody else can have."""
    loaded = settings(granule_allow=["file:///data/", "https:"])
    message = unneeded()
    message["sources"][0]["granules"][0]["url"] = "file:///data/x.nc"
    world = World()

    failure, result = carried_out(a_call("test/chain", message), world, loaded)

    assert failure == "Service: 1 of 2 items failed: result is not reachable"
    assert len(result["outputs"]) == 1
