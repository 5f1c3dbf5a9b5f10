"""Chains of calls, and catalogs that came with a request."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_corpus import operation, settings
from harmony_requests import (
    COPY,
    JOB,
    arguments,
    bound,
    calls,
    chain_with,
    judged,
    one_item,
    saves,
)

from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.plan import Planned, Planner, batches_of
from harpcaller.adapters.harmony.settings import Settings


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


def given_catalog(loaded: Settings, sources: Any, **documents: Any) -> Any:
    """Return `sources` of each call of a request with a catalog."""
    found = judged(
        loaded, COPY, operation("async-2.json"), sources, documents=documents
    )
    return [arguments(call)["sources"] for call in calls(loaded, found)]


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


def test_a_new_attempt_is_a_new_directory() -> None:
    """A stale error.json would be taken for its own."""
    loaded = bound("/shared")
    found = judged(loaded, COPY, operation("sync-1.json"))
    planner = Planner(loaded, found, JOB)
    unit_lines = [
        planner.lines_of(unit, found.steps[0], planner.first_feed(batch), attempt)
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
