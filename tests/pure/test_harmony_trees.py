"""What of a tree is still to be read: links are followed, documents not judged."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_outcomes import a_catalog, an_item

from harpcaller.adapters.harmony.trees import MAX_DEPTH, Missing, read_tree, unread

TREE: dict[str, Any] = {
    "c": a_catalog(("next", "n"), ("child", "d"), ("item", "1"), ("item", "2")),
    "d": a_catalog(("item", "3")),
    "n": a_catalog(("item", "4")),
    "1": an_item(),
    "2": an_item(),
    "3": an_item(),
    "4": an_item(),
}


@pytest.mark.parametrize("known", ["", "c", "cd", "cdn", "c12", "cdn123", "cdn1234"])
def test_what_is_missing_is_what_a_walk_would_miss(known: str) -> None:
    """In the same order, so that a request reads the same after a restart."""
    documents = {name: TREE[name] for name in known}

    found = read_tree("c", documents)

    missing = found.uris if isinstance(found, Missing) else ()
    assert unread("c", documents) == missing


@pytest.mark.parametrize(
    "document",
    [None, 7, [], {}, {"links": 7}, {"links": [7]}, {"links": [{"rel": "item"}]}],
    ids=repr,
)
def test_what_is_no_stac_leads_nowhere(document: Any) -> None:
    """It is refused when the tree is walked."""
    assert unread("c", {"c": document}) == ()


def test_an_item_leads_nowhere() -> None:
    """Its links say where it stands."""
    item = an_item() | {"links": [{"rel": "child", "href": "x"}]}

    assert unread("c", {"c": a_catalog(("item", "i")), "i": item}) == ()


def test_a_loop_is_followed_once() -> None:
    """The walk names it."""
    documents = {
        "c": a_catalog(("child", "c"), ("next", "d")),
        "d": a_catalog(("next", "c"), ("item", "i")),
    }

    assert unread("c", documents) == ("i",)


def test_a_tree_that_is_too_deep_is_not_read_to_its_end() -> None:
    """It may have none: a server makes up one catalog after the other."""
    documents = {
        str(depth): a_catalog(("child", str(depth + 1))) for depth in range(MAX_DEPTH)
    }

    assert unread("0", documents) == ()
    del documents[str(MAX_DEPTH - 1)]
    assert unread("0", documents) == (str(MAX_DEPTH - 1),)
