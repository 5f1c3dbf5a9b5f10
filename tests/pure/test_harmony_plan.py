"""Which calls a request makes, and what each of them is told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_corpus import LIMITS, UAT, corpus_json, message, operation, settings
from harmony_requests import (
    JOB,
    arguments,
    calls,
    judged,
    saves,
)

from harpcaller.adapters.harmony.batches import lots, split
from harpcaller.adapters.harmony.bindings import Constant, Reach
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.conditions import needed_steps
from harpcaller.adapters.harmony.granules import of_message
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.plan import Planned, Planner, batches_of
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.trees import read_tree
from protocol.call import Sealed
from protocol.jsontext import decode, encode

COPY = "test/copy"
SEED = {
    "services": "../services/seed-era.yml",
    "bindings": "../services/bindings.yml",
    "env_file": "../services/services.env",
    "environment": UAT,
}
ZARR_CHAIN = "harmony/podaac-l2-subsetter-netcdf-to-zarr"
L2SS, ZARR = "example/podaac-l2-subsetter", "example/harmony-netcdf-to-zarr"


def seed_settings() -> Settings:
    """Return the services of October 2021."""
    changes: dict[str, Any] = SEED
    return settings(**changes)


# ── batches ──
def test_granules_are_split_by_collection_first() -> None:
    """H-8: 7 and 6 granules at 5 give 5, 2, 5, 1."""
    found = judged(settings(), "test/any-collection", operation("two-sources-13.json"))

    names = [[each.name for each in batch] for batch in batches_of(found)]

    assert names == corpus_json("own/expected/two-sources-13.batches.json")


@pytest.mark.parametrize("batch_size", [0, 13, 20])
def test_what_fits_is_one_batch(batch_size: int) -> None:
    """H-8: of several collections, if need be: a parent with two children."""
    loaded = settings()
    chain = attrs.evolve(loaded.chains["test/any-collection"], batch_size=batch_size)
    loaded = attrs.evolve(loaded, chains={chain.name: chain})
    found = judged(loaded, chain.name, operation("two-sources-13.json"))

    (call,) = calls(loaded, found)

    bundle = arguments(call)["sources"]
    relations = [link["rel"] for link in bundle["files"][bundle["root"]]["links"]]
    assert relations == ["child", "child"]


def test_nothing_is_no_batch() -> None:
    """A request without granules makes no call."""
    assert split([], 5) == ()


@pytest.mark.parametrize(
    ("inputs", "limit_bytes", "expected"),
    [
        (2, None, [(0, 1), (2, 3), (4,)]),
        (None, None, [(0, 1, 2, 3, 4)]),
        (None, 10, [(0, 1), (2,), (3, 4)]),
        (1, 10, [(0,), (1,), (2,), (3,), (4,)]),
    ],
)
def test_lots_are_filled_in_order(
    inputs: int | None, limit_bytes: int | None, expected: list[tuple[int, ...]]
) -> None:
    """A member larger than the limit is a lot of its own."""
    step = Step(
        number=1, image="x", max_batch_inputs=inputs, max_batch_bytes=limit_bytes
    )

    assert list(lots(range(5), [5, 5, 20, 1, 0], step)) == expected


# ── which steps ──
@pytest.mark.parametrize(
    ("changes", "images"),
    [
        ({}, [L2SS]),
        ({"format": {"mime": "application/x-zarr"}}, [L2SS, ZARR]),
        ({"format": {"mime": "application/x-zarr"}, "subset": {}}, [L2SS, ZARR]),
        (
            {"format": {"mime": "application/x-zarr"}, "subset": {}, "variables": ()},
            [ZARR],
        ),
        ({"format": {"mime": "image/tiff"}, "subset": {}, "variables": ()}, []),
    ],
)
def test_steps_run_if_they_are_asked_for(
    changes: dict[str, Any], images: list[str]
) -> None:
    """H-5: conditions of the seed's chain."""
    fields = operation("valid-operation-v0.10.0.json") | changes
    if fields.pop("variables", None) is not None:
        del fields["sources"][0]["variables"]

    found = judged(seed_settings(), ZARR_CHAIN, fields, is_checked=False)

    assert [step.image for step in found.steps] == images


def test_a_request_that_needs_no_step_is_a_success() -> None:
    """H-5: its outputs are its inputs; Harmony's download service does just this."""
    fields = operation("seed-zarr.json", format={"mime": "image/tiff"}, subset={})
    del fields["sources"][0]["variables"]

    found = judged(seed_settings(), ZARR_CHAIN, fields)
    accepted = judged(seed_settings(), ZARR_CHAIN, operation("seed-zarr.json"))

    assert found.warnings
    assert calls(seed_settings(), found) == []
    assert [step.image for step in accepted.steps] == [L2SS, ZARR]


def chain_with(**step: Any) -> Settings:
    """Return settings whose one service has one step of such a kind."""
    loaded = settings()
    chain = attrs.evolve(
        loaded.chains[COPY], steps=(Step(number=1, image="test/copy", **step),)
    )
    able = attrs.evolve(chain.capabilities, concatenation=True)
    chain = attrs.evolve(chain, capabilities=able)
    return attrs.evolve(loaded, chains={COPY: chain})


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({}, False),
        ({"concatenate": True}, False),
        ({"concatenate": True, "extendDimensions": ["x"]}, True),
        ({"extendDimensions": ["x"]}, True),
    ],
)
def test_nothing_is_stitched_without_dimensions(
    changes: dict[str, Any], runs: bool
) -> None:
    """A step for both is not needed to concatenate alone."""
    both = (Operation.EXTEND, Operation.CONCATENATE)

    found = judged(chain_with(exists=both), COPY, operation("async-2.json") | changes)

    assert bool(found.steps) == runs


@pytest.mark.parametrize(
    ("native", "natives", "runs", "warns"),
    [
        ("application/x-netcdf4", {}, True, False),
        ("image/tiff", {}, False, False),
        ("image/tiff", {"C1233800302-EEDTEST": "image/tiff"}, True, False),
        ("image/tiff", None, False, True),
    ],
)
def test_a_step_may_depend_on_the_granules_format(
    native: str, natives: dict[str, str] | None, runs: bool, warns: bool
) -> None:
    """It is told by the asset, its ending, or a setting; unknown is not needed."""
    loaded = chain_with(native_formats=(native,))
    chain, fields = loaded.chains[COPY], message("async-2.json")
    granules = list(of_message(fields))
    if natives is None:
        granules = [attrs.evolve(each, hrefs=("https://h/x",)) for each in granules]

    found = needed_steps(chain, fields.fields, granules, natives or {})

    assert (bool(found.steps), bool(found.warnings)) == (runs, warns)


def test_an_asset_may_tell_its_format() -> None:
    """It counts more than the ending of its name."""
    loaded = chain_with(native_formats=("image/png",))
    granule = next(iter(of_message(message("async-2.json"))))
    typed = attrs.evolve(granule, types=("image/png",))

    found = needed_steps(
        loaded.chains[COPY], message("async-2.json").fields, [typed], {}
    )

    assert len(found.steps) == 1


def test_each_operation_is_told_by_a_field() -> None:
    """An unused one is not asked for."""
    fields = operation(
        "async-2.json",
        subset={"shape": "{}", "dimensions": [{"name": "x"}]},
        format={"mime": "image/png", "crs": "EPSG:1"},
        temporal=None,
    )
    for operation_name, runs in (
        (Operation.SHAPEFILE_SUBSET, True),
        (Operation.DIMENSION_SUBSET, True),
        (Operation.REPROJECT, True),
        (Operation.REFORMAT, True),
        (Operation.VARIABLE_SUBSET, True),
        (Operation.SPATIAL_SUBSET, False),
        (Operation.TEMPORAL_SUBSET, False),
    ):
        loaded = chain_with(exists=(operation_name,))

        assert bool(judged(loaded, COPY, fields).steps) == runs


# ── what a step is told ──
def told(service: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return the message of a request's only call."""
    loaded = settings()
    (call,) = calls(loaded, judged(loaded, service, operation(name, **changes)))
    fields: dict[str, Any] = arguments(call)["message"]
    return fields


def test_a_service_is_told_in_the_version_that_it_wants() -> None:
    """H-4: without callback, with a masked token, the granules in the catalog."""
    expected = operation("valid-operation-v0.21.0.json", callback=None)
    del expected["sources"][0]["granules"]
    expected["accessToken"] = "***"
    older = operation("valid-operation-v0.10.0.json", callback=None, accessToken="***")

    assert told("test/v021", "valid-operation-input.json") == expected
    assert told("test/v021", "valid-operation-v0.10.0.json") == older


def test_a_step_is_told_its_own_operations() -> None:
    """H-6: what is left over for others would be done twice."""
    sample = operation("valid-operation-v0.10.0.json")
    form = sample["format"]

    subset = told("test/subset-only", "valid-operation-v0.10.0.json")
    reformat = told("test/reformat-only", "valid-operation-v0.10.0.json")

    kept = {name: form[name] for name in ("scaleSize", "width", "height")}
    assert subset["format"] == kept
    assert subset["subset"] == {"bbox": sample["subset"]["bbox"]}
    assert subset["sources"][0]["variables"] == sample["sources"][0]["variables"]
    assert "temporal" not in subset
    assert reformat["format"] == kept | {"mime": form["mime"]}
    assert reformat["subset"] == {}
    assert "variables" not in reformat["sources"][0]


def test_extra_arguments_are_the_steps_own() -> None:
    """They replace the request's; versions without them get none."""
    loaded = chain_with(extra_args={"cut": True})
    new, old = (
        judged(loaded, COPY, operation(name))
        for name in ("async-2.json", "valid-operation-v0.10.0.json")
    )

    assert arguments(calls(loaded, new)[0])["message"]["extraArgs"] == {"cut": True}
    assert "extraArgs" not in arguments(calls(loaded, old)[0])["message"]


def test_granules_are_cut_to_the_batch() -> None:
    """Below 0.11.0 they are required, whatever the catalog says."""
    fields = operation("valid-operation-v0.10.0.json", isSynchronous=False)
    listed = fields["sources"][0]["granules"]
    listed.append(listed[0] | {"id": "G2"})
    loaded = settings()

    first, second = calls(loaded, judged(loaded, COPY, fields))

    for call, granule in ((first, "G1233800343-EEDTEST"), (second, "G2")):
        source = arguments(call)["message"]["sources"][0]
        assert [each["id"] for each in source["granules"]] == [granule]


# ── calls ──
def test_a_call_is_a_child_with_a_queue_of_its_request() -> None:
    """H-15: host, procedure, queue and limits; nothing secret in the clear."""
    loaded = settings()
    found = judged(loaded, COPY, operation("async-2.json"))

    first, second = calls(loaded, found)

    request_id = found.message.request_id
    assert (first.key, second.key) == ("s1.b0/a0", "s1.b1/a0")
    assert (first.call.host, first.call.procedure) == ("worker01", "copy")
    assert first.call.queue is not None
    assert first.call.queue.concurrency == 2
    assert decode(first.call.queue.name) == {"harmony": COPY, "request": request_id}
    assert (first.call.timeout_s, first.call.max_exec_s) == (120, 14400)
    assert first.call.sealed == (
        Sealed(
            pointer="/message/accessToken",
            value=encode(found.message.fields["accessToken"]),
        ),
    )
    assert b"rWURUsiX" not in bytes(first.call.arguments)
    assert decode(first.call.info) == {
        "parent": JOB,
        "key": "s1.b0/a0",
        "harmony": {
            "request": request_id,
            "service": COPY,
            "image": "test/copy",
            "step": 1,
            "steps": 1,
            "batch": 0,
            "attempt": 0,
            "client": "test-client",
        },
    }
    assert arguments(first)["env"] == {
        "APP_NAME": "test/copy",
        "HARP_SERVICE_TITLE": "Copy",
        "HARP_SERVICE_VERSION": "1.0",
        "STAGING_BUCKET": "staging.example.org",
        "STAGING_PATH": "public/test",
    }
    assert arguments(first)["metadata_dir"] is None
    items = read_tree(
        arguments(first)["sources"]["root"], arguments(first)["sources"]["files"]
    )
    assert isinstance(items, tuple)
    assert [item.id for item in items] == ["G1001-A"]


def test_passwords_in_the_environment_are_sealed() -> None:
    """A status shows arguments; files of Harmony have passwords in `env`."""
    loaded = seed_settings()
    found = judged(loaded, ZARR_CHAIN, operation("seed-zarr.json"))

    call = calls(loaded, found)[0]

    assert {each.pointer for each in call.call.sealed} == {
        "/message/accessToken",
        "/env/EDL_PASSWORD",
        "/env/OAUTH_PASSWORD",
    }
    assert b"unset-edl-password" not in bytes(call.call.arguments)


def test_one_queue_may_be_for_all_requests() -> None:
    """H-26: synchronous runs then have one of their own."""
    loaded = bound(is_per_service=True)
    sync, asynchronous = (
        judged(loaded, COPY, operation(name))
        for name in ("sync-1.json", "async-2.json")
    )

    names = [calls(loaded, found)[0].call.queue for found in (sync, asynchronous)]

    assert [decode(each.name) for each in names if each] == [
        {"harmony": COPY, "sync": True},
        {"harmony": COPY},
    ]


def bound(work_dir: str | None = None, **changes: Any) -> Settings:
    """Return settings whose binding of `test/copy` is another."""
    loaded = settings(work_dir=work_dir)
    binding = attrs.evolve(loaded.bindings["test/copy"], **changes)
    return attrs.evolve(loaded, bindings={**loaded.bindings, "test/copy": binding})


def test_documents_are_written_where_workers_see_them() -> None:
    """Each attempt gets a directory that nobody has used."""
    loaded = bound("/shared")
    found = judged(loaded, COPY, operation("async-2.json"))

    written = saves(loaded, found)
    first = calls(loaded, found)[0]

    place = f"/shared/{JOB}/s1.b0"
    assert arguments(first)["sources"] == f"{place}/in/catalog.json"
    assert arguments(first)["metadata_dir"] == f"{place}/a0/out"
    assert list(written)[:2] == [f"{place}/in/catalog.json", f"{place}/in/item0.json"]


def test_a_large_message_is_a_file_without_its_token() -> None:
    """A call is one line, and may be shown."""
    loaded = bound("/shared")
    large = {"extraArgs": {"text": "x" * 300_000}}
    fields = operation("sync-1.json") | large
    found = judged(loaded, COPY, fields)
    (call,) = calls(loaded, found)

    place = f"/shared/{JOB}/s1.b0/message.json"
    assert arguments(call)["message_file"] == place
    assert arguments(call)["accessToken"] == "***"
    assert [each.pointer for each in call.call.sealed] == ["/accessToken"]
    assert "accessToken" not in saves(loaded, found)[place]
    assert len(call.call.arguments) < 10_000


def test_a_message_may_have_no_token() -> None:
    """In compat mode it is forgiven; nothing is sealed then."""
    loaded = bound("/shared")
    large = {"extraArgs": {"text": "x" * 300_000}}

    for changes in ({}, large):
        found = judged(loaded, COPY, operation("sync-1.json") | changes)
        fields = {**found.message.fields}
        del fields["accessToken"]
        bare = attrs.evolve(found, message=attrs.evolve(found.message, fields=fields))

        assert calls(loaded, bare)[0].call.sealed == ()


def test_without_a_shared_directory_all_is_inline() -> None:
    """Then the message is too, however large; a line's limit is the worker's."""
    loaded = bound("/shared", is_shared=False)
    fields = operation("sync-1.json") | {"extraArgs": {"text": "x" * 300_000}}

    (call,) = calls(loaded, judged(loaded, COPY, fields))

    assert arguments(call)["message"]["extraArgs"] == fields["extraArgs"]
    assert arguments(call)["metadata_dir"] is None
    assert arguments(call)["sources"]["root"] == "catalog.json"


def test_a_call_larger_than_a_workers_line_is_refused() -> None:
    """E18: nothing is ever cut short."""
    loaded = settings()
    text = "x" * LIMITS.max_worker_line_bytes
    found = judged(loaded, COPY, operation("sync-1.json", extraArgs={"text": text}))

    with pytest.raises(Refusal, match=r"^Request is too large for the disp") as caught:
        calls(loaded, found)

    assert (caught.value.code, caught.value.status) == ("E18", 500)


def test_a_method_gets_its_arguments_from_the_message() -> None:
    """H-14: what the message lacks is left out."""
    loaded = settings()
    found = judged(loaded, "test/method", operation("sync-1.json"))

    (call,) = calls(loaded, found)

    assert call.call.procedure == "thumbnail"
    assert arguments(call) == {
        "bbox": [-20, -10, 30, 40],
        "urls": ["https://data.example.org/a/a_01.nc"],
        "quality": 80,
    }
    assert (call.call.timeout_s, call.call.max_exec_s) == (600, 600)


@pytest.mark.parametrize(
    ("wanted", "value", "pointers"),
    [
        (("/accessToken", "/user"), ["***", "jdoe"], ["/0"]),
        (("/absent", Constant(1), "/accessToken"), [1, "***"], ["/1"]),
        ({"a/b~": "/accessToken"}, {"a/b~": "***"}, ["/a~1b~0"]),
        (("/sources/0/collection",), ["C1233800302-EEDTEST"], []),
        (("/sources/7", "/sources/x", "/user/0"), [], []),
        ((), [], []),
    ],
)
def test_pointers_lead_into_the_message(
    wanted: Any, value: Any, pointers: list[str]
) -> None:
    """The token may be one of them; then it is sealed."""
    loaded = bound(reach=Reach.METHOD, arguments=wanted)

    call = calls(loaded, judged(loaded, COPY, operation("async-2.json")))[0]

    assert arguments(call) == value
    assert [each.pointer for each in call.call.sealed] == pointers


def test_a_method_may_want_the_items() -> None:
    """As our catalogs have them."""
    loaded = bound(reach=Reach.METHOD, arguments=("@items",))

    call = calls(loaded, judged(loaded, COPY, operation("async-2.json")))[0]

    assert arguments(call)[0][0]["id"] == "G1001-A"


def test_http_services_get_granules_in_their_message() -> None:
    """They know nothing of catalogs."""
    loaded = settings()
    found = judged(loaded, "test/http", operation("sync-1.json"))

    (call,) = calls(loaded, found)

    given = arguments(call)
    assert given["url"] == "http://127.0.0.1:4000/test/harmony"
    assert "sources" not in given
    assert given["message"]["sources"][0]["granules"][0]["id"] == "G1001-A"


# ── chains ──
def test_hosts_take_turns() -> None:
    """H-14: batch by batch."""
    loaded = settings()
    found = judged(loaded, "test/chain", operation("chain-3.json"))

    planned = calls(loaded, found)

    assert [each.key for each in planned] == [
        "s1.b0/a0",
        "s1.b1/a0",
        "s1.b2/a0",
        "s2.b0.0/a0",
        "s2.b1.0/a0",
        "s2.b2.0/a0",
    ]
    hosts = [each.call.host for each in planned[3:]]
    assert hosts == ["worker01", "worker02", "worker01"]
    assert planned[4].after == ("s1.b1/a0",)
    assert arguments(planned[4])["sources"] == {"from": ["s1.b1/a0"]}
    assert planned[4].call.timeout_s == 60
    assert arguments(planned[4])["message"]["format"] == {"mime": "application/x-zarr"}
    assert arguments(planned[4])["message"]["subset"] == {}


def aggregating(first: int, **step: Any) -> Settings:
    """Return settings whose service ends in an aggregating step, after `first`."""
    loaded = chain_with()
    chain = loaded.chains[COPY]
    steps = [*chain.steps[:1], Step(number=2, image="test/copy", **step)]
    chain = attrs.evolve(chain, steps=tuple(steps[1 - first :]))
    return attrs.evolve(loaded, chains={COPY: chain})


@pytest.mark.parametrize(
    ("step", "concatenate", "keys"),
    [
        ({"waits_for_all": True}, False, {"s2.a0/a0": 3}),
        ({"operations": (Operation.CONCATENATE,)}, True, {"s2.a0/a0": 3}),
        (
            {"operations": (Operation.CONCATENATE,)},
            False,
            {"s2.b0.0/a0": 1, "s2.b1.0/a0": 1, "s2.b2.0/a0": 1},
        ),
        (
            {"waits_for_all": True, "is_batched": True, "max_batch_inputs": 2},
            True,
            {"s2.a0/a0": 2, "s2.a1/a0": 1},
        ),
        (
            {"waits_for_all": True, "is_batched": True, "max_batch_inputs": 2},
            False,
            {"s2.a0/a0": 3},
        ),
    ],
)
def test_an_aggregating_step_waits_for_all_or_for_a_lot(
    step: dict[str, Any], concatenate: bool, keys: dict[str, int]
) -> None:
    """Lots are for requests that concatenate."""
    loaded = aggregating(1, **step)
    fields = operation("chain-3.json", concatenate=concatenate)

    planned = calls(loaded, judged(loaded, COPY, fields))

    assert {each.key: len(each.after) for each in planned[3:]} == keys


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        ({"waits_for_all": True}, [3]),
        ({"waits_for_all": True, "is_batched": True, "max_batch_inputs": 2}, [2, 1]),
    ],
)
def test_a_first_step_may_aggregate(step: dict[str, Any], counts: list[int]) -> None:
    """Then it gets all granules, or lots of them, whatever the batch size."""
    loaded = aggregating(0, **step)
    fields = operation("chain-3.json", concatenate=True)

    found = judged(loaded, COPY, fields)

    assert [len(batch) for batch in batches_of(found)] == counts


def test_a_large_message_is_a_file_for_later_steps_too() -> None:
    """One for each unit: they may differ."""
    loaded = aggregating(1)
    shared = bound("/shared")
    loaded = attrs.evolve(loaded, bindings=shared.bindings, work_dir="/shared")
    fields = operation("sync-1.json", extraArgs={"text": "x" * 300_000})

    found = judged(loaded, COPY, fields)

    files = [uri for uri in saves(loaded, found) if uri.endswith("message.json")]
    assert files == [
        f"/shared/{JOB}/s1.b0/message.json",
        f"/shared/{JOB}/s2.b0.0/message.json",
    ]


# ── catalogs that were given ──
def given_catalog(loaded: Settings, sources: Any, **documents: Any) -> Any:
    """Return `sources` of each call of a request with a catalog."""
    found = judged(
        loaded, COPY, operation("async-2.json"), sources, documents=documents
    )
    return [arguments(call)["sources"] for call in calls(loaded, found)]


def one_item(href: str = "https://h/g.nc") -> dict[str, Any]:
    """Return a bundle of one item."""
    catalog = corpus_json("own/catalogs/two-granules/catalog.json")
    item = corpus_json("own/catalogs/two-granules/item1.json")
    item["assets"]["data"]["href"] = href
    catalog["links"] = catalog["links"][:2]
    return {
        "root": "catalog.json",
        "files": {"catalog.json": catalog, "item1.json": item},
    }


def test_what_was_not_split_is_passed_on_untouched() -> None:
    """By place where the worker sees it, as a bundle where it came as one."""
    bundle = one_item()
    documents = {f"/d/{name}": body for name, body in bundle["files"].items()}

    assert given_catalog(bound("/shared"), bundle) == [bundle]
    assert given_catalog(bound("/shared"), "/d/catalog.json", **documents) == [
        "/d/catalog.json"
    ]
    (inline,) = given_catalog(settings(), "/d/catalog.json", **documents)
    assert inline["files"]["item0.json"]["id"] == "gran-1"


def test_a_catalog_with_relative_data_is_written_anew() -> None:
    """The library cannot read it."""
    documents = {f"/d/{name}": body for name, body in one_item("g.nc")["files"].items()}
    loaded = bound("/shared")
    places = settings(granule_allow=["file:///d/"]).granule_allow

    (sources,) = given_catalog(
        attrs.evolve(loaded, granule_allow=places), "/d/catalog.json", **documents
    )

    assert sources == f"/shared/{JOB}/s1.b0/in/catalog.json"


def test_items_become_granules_for_old_services() -> None:
    """Below 0.11.0 the message has to list them."""
    loaded = settings()
    fields = operation("valid-operation-v0.10.0.json")
    found = judged(loaded, COPY, fields, one_item())

    (call,) = calls(loaded, found)

    (granule,) = arguments(call)["message"]["sources"][0]["granules"]
    assert granule == {
        "id": "gran-1",
        "name": "g_1.txt",
        "url": "https://h/g.nc",
        "bbox": [-180, -90, 180, 90],
        "temporal": {
            "start": "2020-01-01T01:00:00.000Z",
            "end": "2020-01-01T01:59:59.000Z",
        },
    }


def test_a_new_attempt_is_a_new_directory() -> None:
    """A stale error.json would be taken for its own."""
    loaded = bound("/shared")
    found = judged(loaded, COPY, operation("sync-1.json"))
    planner = Planner(loaded, found, JOB)
    unit_lines = [
        planner.first(unit, batch, attempt)
        for attempt in (0, 1)
        for unit, batch in planner.units()
    ]

    calls_made = [lines[-1] for lines in unit_lines]
    outs = {
        arguments(line)["metadata_dir"]
        for line in calls_made
        if isinstance(line, Planned)
    }
    assert len(outs) == 2
