"""How granules are split, and which steps of a chain run."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_corpus import corpus_json, message, operation, settings
from harmony_requests import (
    COPY,
    ZARR_CHAIN,
    arguments,
    calls,
    chain_with,
    judged,
    seed_settings,
)

from harpcaller.adapters.harmony.batches import lots, split
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.conditions import needed_steps
from harpcaller.adapters.harmony.granules import of_message
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.plan import batches_of

L2SS, ZARR = "example/podaac-l2-subsetter", "example/harmony-netcdf-to-zarr"


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
