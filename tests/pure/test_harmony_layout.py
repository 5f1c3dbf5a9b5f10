"""The names of what a container leaves: those of harmony-service-lib."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.tools.harmony_layout import laid_out


def catalog(*hrefs: str) -> dict[str, Any]:
    """Return a catalog that links to items, and to what is none."""
    others: list[Any] = [{"rel": "harmony_source", "href": "https://h/C1"}, "odd"]
    return {"links": [*others, *({"rel": "item", "href": href} for href in hrefs)]}


def names(files: dict[str, Any]) -> dict[str, list[str]]:
    """Return the documents of a tree that is laid out, each with its links."""
    laid: Any = laid_out({"root": "catalog.json", "files": files})["files"]
    return {
        name: [
            link["href"] for link in document.get("links", ()) if isinstance(link, dict)
        ]
        for name, document in laid.items()
    }


def test_an_item_is_named_by_its_id() -> None:
    """Beside its catalog; the root stays where Harmony looks for it."""
    tree = {
        "catalog.json": {"links": [{"rel": "child", "href": "./a/catalog.json"}]},
        "a/catalog.json": catalog("./item0.json"),
        "a/item0.json": {"id": "G1"},
    }

    assert names(tree) == {
        "catalog.json": ["./a/catalog.json"],
        "a/catalog.json": ["https://h/C1", "./G1/G1.json"],
        "a/G1/G1.json": [],
    }


@pytest.mark.parametrize("word", ["a/b", "..", ".", "", "/a", 1])
def test_an_id_that_is_no_name_names_nothing(word: Any) -> None:
    """It may come from a service."""
    tree = {"catalog.json": catalog("item0.json"), "item0.json": {"id": word}}

    assert names(tree)["item0.json"] == []


def test_no_item_takes_the_name_of_another() -> None:
    """The second one keeps its own; what is linked and not there is passed over."""
    tree = {
        "catalog.json": catalog("item0.json", "item1.json", "item0.json", "gone.json"),
        "item0.json": {"id": "G"},
        "item1.json": {"id": "G"},
        "odd": [],
    }
    laid: Any = laid_out({"root": "catalog.json", "files": tree})["files"]

    assert set(laid) == {"catalog.json", "G/G.json", "item1.json", "odd"}
    links = [link["href"] for link in laid["catalog.json"]["links"][2:]]
    assert links == ["./G/G.json", "item1.json", "./G/G.json", "gone.json"]
