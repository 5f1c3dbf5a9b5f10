"""What Harmony is told of a run, and what it cannot be told."""

from __future__ import annotations

import attrs
import pytest
from harmony_corpus import operation, settings
from harmony_outcomes import ASYNC_2, a_bundle, an_end, an_outcome, by_unit, made
from harmony_requests import COPY
from harmony_runs import TOKEN, World, a_call, carried_out

from harpcaller.adapters.harmony.record import spill
from protocol.jsontext import JsonValue, encode

ASYNC = operation("async-2.json")
SYNC = operation("sync-1.json")


# ── within a run ──
def test_a_refused_item_makes_the_end_an_error() -> None:
    """Harmony lacks a result; the rest is still posted."""
    world = World(outcomes=ASYNC_2, posts={0: 400})

    failure, result = carried_out(a_call(COPY, ASYNC), world)

    text = "1 of 2 items failed: Harmony did not take a post: 400"
    assert failure == f"Server: {text}"
    assert [next(iter(query)) for query in world.queries] == [
        "item[href]",
        "item[href]",
        "error",
    ]
    assert world.queries[-1] == {"error": text}
    assert "Harmony did not take a post: 400" in result["warnings"]


def test_progress_comes_with_the_last_item_of_a_unit() -> None:
    """Before that, the unit is not done."""
    world = World(outcomes={"s1.b0": made("s3://b/1", "s3://b/2")})
    message = operation("sync-1.json", isSynchronous=False)

    carried_out(a_call(COPY, message), world)

    told = [query.get("progress") for query in world.queries]
    assert told == [None, "99", None]


def test_progress_that_is_refused_costs_nothing() -> None:
    """No result was lost by it; the job tells of it all the same."""
    empty = an_outcome("nodata")
    world = World(answer=by_unit, outcomes={"s1.b0": empty}, posts={0: 400})

    failure, result = carried_out(a_call(COPY, operation("async-3.json")), world)

    assert failure == ""
    assert world.queries[-1] == {"status": "successful"}
    assert "Harmony did not take a post: 400" in result["warnings"]


def test_an_end_that_harmony_does_not_take_is_a_failure() -> None:
    """Whoever looks at the job has to see it."""
    world = World(outcomes=ASYNC_2, posts={2: 400})

    failure, result = carried_out(a_call(COPY, ASYNC), world)

    assert failure == "Server: Harmony did not take a post: 400"
    assert result["status"] == "successful"
    assert len(world.posted) == 3


def test_dialect_none_posts_nothing() -> None:
    """The outcome tells it all, files too."""
    end = an_end(stac=a_bundle("file:///data/x.nc"))
    world = World(outcomes={"s1.b0": end})

    failure, result = carried_out(a_call(COPY, SYNC, dialect="none"), world)

    assert (failure, world.posted) == ("", [])
    assert result["outputs"][0]["href"] == "file:///data/x.nc"


def test_a_request_without_callback_posts_nothing() -> None:
    """By the line protocol it may have none."""
    world = World(outcomes=ASYNC_2)

    failure, _ = carried_out(
        a_call(COPY, operation("async-2.json", callback=None)), world
    )

    assert (failure, world.posted) == ("", [])


def test_harmony_of_today_wants_another_word() -> None:
    """It completes a request of a backend by httpBackend."""
    world = World(outcomes=ASYNC_2)

    carried_out(a_call(COPY, ASYNC, dialect="harmony-now"), world)

    assert world.queries[-1] == {"status": "successful", "httpBackend": "true"}


@pytest.mark.parametrize(
    ("href", "told"),
    [
        ("s3://b/x.nc", "s3://b/x.nc"),
        ("file:///data/out/x.nc", "https://h/out/x.nc"),
        ("/data/out/x.nc", None),
        ("file:///data/outside/x.nc", None),
        ("file:///data/out/../x.nc", None),
        ("ftp://h/x.nc", None),
    ],
)
def test_an_output_has_to_be_reachable(href: str, told: str | None) -> None:
    """A file of ours means nothing to others, unless it is served."""
    loaded = settings(href_map={"file:///data/out/": "https://h/out/"})
    world = World(outcomes={"s1.b0": made(href)})
    if href.startswith("/"):
        told = "https://h/out/x.nc"  # absolute paths are files

    failure, _ = carried_out(a_call(COPY, SYNC), world, loaded)

    expected = {"error": "copy: result is not reachable"}
    assert world.queries == [{"redirect": told} if told else expected]
    assert failure == ("" if told else "Service: copy: result is not reachable")


def test_two_outputs_may_not_have_one_name() -> None:
    """The second would hide the first."""
    world = World(answer=lambda *_: made("s3://b/x.nc"))
    twice = World(outcomes={"s1.b0": made("s3://b/x.nc", "s3://b/x.nc")})

    failure, _ = carried_out(a_call(COPY, ASYNC), world)
    other, _ = carried_out(a_call(COPY, SYNC), twice)

    assert failure == "Service: 1 of 2 items failed: copy: two results have one name"
    assert other == "Service: copy: two results have one name"


def test_who_waits_may_get_the_bytes() -> None:
    """A file of ours is the body, if the request says so; names make no headers."""
    told = {"title": f'a"b\n{TOKEN}.nc', "type": f"a/b; c={TOKEN}"}
    end = an_end(stac=a_bundle("file:///w/x.nc", **told))
    world = World(outcomes={"s1.b0": end})

    loaded = settings(work_dir="/w")
    failure, _ = carried_out(a_call(COPY, SYNC, sync_stream=True), world, loaded)

    (post,) = world.posted
    assert failure == ""
    assert post.file == "/w/x.nc"
    shown = TOKEN.replace(":", "_")  # else the driver would put the token in its place
    assert dict(post.headers) == {
        "Content-Type": "application/x-netcdf4",
        "Content-Disposition": f'attachment; filename="a_b_{shown}.nc"',
    }


def test_only_files_of_ours_are_bytes() -> None:
    """What is not in the directory that we share cannot be sent."""
    end = an_end(stac=a_bundle("file:///etc/x.nc"))
    world = World(outcomes={"s1.b0": end})

    call = a_call(COPY, SYNC, sync_stream=True)
    failure, _ = carried_out(call, world, settings(work_dir="/w"))

    assert failure == "Service: copy: result is not reachable"


def test_what_is_known_of_an_input_is_known_of_its_output() -> None:
    """A service that tells no extent has not changed it."""
    times = ("datetime", "start_datetime", "end_datetime")
    end = an_end(stac=a_bundle("s3://b/x.nc", properties=dict.fromkeys(times)))
    world = World(outcomes={"s1.b0": end})

    carried_out(a_call(COPY, SYNC, dialect="item-status"), world)

    (told,) = world.queries
    assert told["item[bbox]"] == "-25.4,-34.9,63.5,37.4"
    assert told["item[temporal]"].startswith("2020-01-01T00:00:00.000Z,")


def test_an_output_that_kept_its_id_is_of_one_input() -> None:
    """Others are of all that their unit had."""
    bundle = a_bundle("s3://b/1", "s3://b/2")
    bundle["files"]["i1.json"]["id"] = "G1001-A"
    loaded = settings()
    chain = attrs.evolve(loaded.chains[COPY], batch_size=0)
    loaded = attrs.evolve(loaded, chains={COPY: chain})
    world = World(outcomes={"s1.b0": an_end(stac=bundle)})

    _, result = carried_out(a_call(COPY, ASYNC), world, loaded)

    granules = [output["provenance"]["granules"] for output in result["outputs"]]
    assert granules == [["G1001-A", "G1002-A"], ["G1001-A"]]


@pytest.mark.parametrize(("more", "files"), [(0, 0), (1, 1)])
def test_a_result_of_more_than_a_mebibyte_is_written(more: int, files: int) -> None:
    """A line of the protocol has no room for it."""
    rest: dict[str, JsonValue] = {"outputs": [""], "units": [], "warnings": []}
    letters = 2**20 - len(encode(rest)) + more

    text, saves = spill({**rest, "outputs": ["x" * letters]}, "/w/job")

    assert len(text) <= 2**20
    assert len(saves) == files
