"""What a Harmony service left, read back: catalogs, items, message, error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from harmony_corpus import corpus_json

from harpcaller.worker.harmony.documents import MAX_DOCUMENT_BYTES, OnDisk
from harpcaller.worker.harmony.leftovers import (
    SHOWN_BYTES,
    Leftovers,
    output_catalogs,
    read_leftovers,
)


def link(rel: str, href: str) -> dict[str, str]:
    """Return a link of a catalog."""
    return {"rel": rel, "href": href}


def write(folder: Path, name: str, value: Any) -> None:
    """Write a document, or a text."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a metadata directory that has one catalog with two items."""
    out = tmp_path / "out"
    links = [
        link("root", "./catalog.json"),
        link("item", "./g1/g1.json"),
        link("item", "g2/g2.json"),
        link("harmony_source", "https://cmr/C1"),
    ]
    write(out, "catalog.json", {"id": "c", "links": links})
    write(out, "g1/g1.json", {"id": "g1"})
    write(out, "g2/g2.json", {"id": "g2"})
    return out


def read(folder: Path, *, is_shared: bool = True) -> Leftovers:
    """Return what is found in a folder."""
    return read_leftovers(OnDisk(os.path.realpath(folder)), is_shared=is_shared)


def files_of(found: Leftovers) -> list[str]:
    """Return the names of the documents that were told."""
    assert found.stac is not None
    return [*found.stac["files"]]


def test_a_tree_comes_back_whole(folder: Path) -> None:
    """The adapter need not be able to read the folder."""
    write(folder, "message.json", {"accessToken": "t"})

    found = read(folder)

    assert (found.catalogs, found.items) == (["catalog.json"], 2)
    assert files_of(found) == ["catalog.json", "g1/g1.json", "g2/g2.json"]
    assert found.stac is not None
    assert found.stac["root"] == "catalog.json"
    assert found.stac["files"]["g1/g1.json"] == {"id": "g1"}
    assert (found.message, found.error) == ({"accessToken": "t"}, None)


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    """A service that dies early does not make it."""
    (tmp_path / "empty").mkdir()

    (tmp_path / "file").touch()

    for name in ("none", "file", "empty"):
        assert read(tmp_path / name) == Leftovers(catalogs=[])


def test_an_error_is_told_by_its_three_fields(tmp_path: Path) -> None:
    """Whatever else a service puts there is its own."""
    error = {"error": "No data", "category": "NoData", "level": "Warning"}
    write(tmp_path, "error.json", {**error, "trace": "..."})

    assert read(tmp_path).error == error


@pytest.mark.parametrize("text", ["", "[1]", "{", '"x"', "[" * 200])
def test_documents_that_are_none_are_as_if_not_there(folder: Path, text: str) -> None:
    """The adapter says that it cannot parse them."""
    for name in ("error.json", "message.json", "g1/g1.json"):
        write(folder, name, text)

    found = read(folder)

    assert (found.error, found.message, found.items) == (None, None, 2)
    assert ("g1/g1.json" in files_of(found)) == (text in {"[1]", '"x"'})


def test_numbered_catalogs_are_in_order(folder: Path) -> None:
    """By number, or as the list of the library says."""
    (folder / "catalog.json").unlink()
    for number in (10, 2, 0):
        write(folder, f"catalog{number}.json", {"links": []})

    assert read(folder).catalogs == ["catalog0.json", "catalog2.json", "catalog10.json"]

    write(folder, "batch-catalogs.json", ["catalog10.json", 1, "../x", "none.json"])
    assert read(folder).catalogs == ["catalog10.json"]

    write(folder, "batch-catalogs.json", [])
    assert read(folder).catalogs == []


@pytest.mark.parametrize("case", corpus_json("own/expected/discovery.json"))
def test_catalogs_are_found_as_the_adapter_finds_them(case: dict[str, Any]) -> None:
    """H-11: two rules for one folder would be one too many."""
    found = output_catalogs(case["files"], case.get("batch-catalogs.json"))

    assert found == case.get("catalogs", [])


def test_children_and_pages_are_followed(folder: Path) -> None:
    """Nested inputs give nested outputs; a loop is gone through once."""
    links = [
        link("child", "a/catalog.json"),
        link("next", f"{folder}/page.json"),
        link("item", f"file://{folder}/g1/g1.json"),
    ]
    write(folder, "catalog.json", {"links": links})
    write(folder, "a/catalog.json", {"links": [link("item", "../g2/g2.json")]})
    write(folder, "page.json", {"links": [link("child", "catalog.json")]})

    found = read(folder)

    assert found.items == 2
    assert set(files_of(found)) == {
        *("catalog.json", "a/catalog.json", "page.json", "g1/g1.json", "g2/g2.json")
    }


@pytest.mark.parametrize(
    "href", ["../secret.json", "/etc/passwd", "https://h/x.json", "link.json", "a\0b"]
)
def test_nothing_outside_is_read(folder: Path, href: str) -> None:
    """A service could fetch what its own user may not tell to others."""
    write(folder, "../secret.json", {"secret": 1})
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    links = [link("item", href), link("child", href)]
    write(folder, "catalog.json", {"links": links})

    found = read(folder)

    assert found.items == 1
    assert files_of(found) == ["catalog.json"]


@pytest.mark.parametrize("links", [None, 1, [1, {"rel": "item"}, {"href": "x"}]])
def test_links_that_are_none_lead_nowhere(folder: Path, links: Any) -> None:
    """Services write what they like."""
    write(folder, "catalog.json", {"links": links})

    assert (read(folder).items, files_of(read(folder))) == (0, ["catalog.json"])


def test_a_large_tree_is_told_only_where_nobody_else_can_read_it(folder: Path) -> None:
    """Its items are counted all the same."""
    write(folder, "g1/g1.json", {"text": "x" * SHOWN_BYTES})

    shared, alone = read(folder), read(folder, is_shared=False)

    assert (shared.stac, shared.items) == (None, 2)
    assert len(files_of(alone)) == 3


def test_only_files_are_read(tmp_path: Path) -> None:
    """A pipe would be waited for, and a huge file would fill the memory."""
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_DOCUMENT_BYTES + 1)
    place = OnDisk(os.path.realpath(tmp_path))

    for name in ("pipe", "huge", ".", "no/such"):
        assert place.read(name) is None
