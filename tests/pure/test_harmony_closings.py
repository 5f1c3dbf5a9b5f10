"""The posts that end requests."""

from __future__ import annotations

import pytest
from harmony_corpus import corpus_json

from harpcaller.adapters.harmony.closings import answered, failed, succeeded
from harpcaller.adapters.harmony.parameters import Parameters, item_parameters, query
from harpcaller.adapters.harmony.settings import Dialect
from harpcaller.adapters.harmony.sources import Bundle, read_sources
from harpcaller.adapters.harmony.trees import Missing, read_tree


def outputs(name: str) -> list[Parameters]:
    """Return the outputs of a call, as callbacks tell them."""
    bundle = read_sources(corpus_json(f"own/outcomes/{name}.json")["result"]["stac"])
    assert isinstance(bundle, Bundle)
    items = read_tree(bundle.root, bundle.files)
    assert not isinstance(items, Missing)
    return [
        item_parameters(item.document, asset, "")
        for item in items
        for asset in item.data
    ]


@pytest.mark.parametrize(
    ("outcome", "dialect", "expected"),
    [
        ("sync-1.s1.b0", Dialect.SEED, "sync-1.seed"),
        ("sync-1.s1.b0", Dialect.ITEM_STATUS, "sync-1.item-status"),
        ("sync-1.two-outputs", Dialect.SEED, "sync-1.two-outputs.seed"),
    ],
)
def test_a_synchronous_request_ends_in_one_post(
    outcome: str, dialect: Dialect, expected: str
) -> None:
    """H-17: of the text that Harmony of that version understands."""
    (post,) = corpus_json(f"own/expected/{expected}.json")

    told = answered(dialect, outputs(outcome))

    assert query(told) == post["encoded"]


def test_nothing_is_an_error_to_who_waits() -> None:
    """H-20."""
    assert answered(Dialect.SEED, []) == [("error", "No data found to process")]


def test_an_asynchronous_request_ends_by_its_status() -> None:
    """H-15: the last post of all."""
    last = corpus_json("own/expected/async-2.seed.json")[-1]

    assert query(succeeded(Dialect.SEED)) == last["encoded"]


def test_harmony_of_now_wants_to_know_who_ends_it() -> None:
    """On terminal posts only."""
    backend = ("httpBackend", "true")

    assert succeeded(Dialect.HARMONY_NOW)[-1] == backend
    assert failed(Dialect.HARMONY_NOW, "x") == [("error", "x"), backend]
    assert answered(Dialect.HARMONY_NOW, outputs("sync-1.s1.b0"))[-1] == backend
