"""STAC as services write it, and as we do."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pystac
import pytest
from harmony_corpus import UAT, corpus_json, message, operation

from harpcaller.adapters.harmony.catalogs import write_catalog
from harpcaller.adapters.harmony.geometry import box_geometry
from harpcaller.adapters.harmony.granules import (
    Granule,
    Unusable,
    box_of,
    of_items,
    of_message,
    period_of,
)
from harpcaller.adapters.harmony.stac import NotStac
from harpcaller.adapters.harmony.trees import Missing, read_tree
from harpcaller.adapters.harmony.uris import is_relative, last_part, readable, resolve

BETA_ITEM = "granule_-1524321318_G1233800343-EEDTEST_0000000.json"


def item(name: str = "g", **changes: Any) -> dict[str, Any]:
    """Return an item of STAC 1.0.0."""
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {"data": {"href": f"https://h/{name}.nc"}},
    }
    return document | changes


def catalog(*links: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """Return a catalog of STAC 1.0.0."""
    document: dict[str, Any] = {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "c",
        "description": "d",
        "links": [{"rel": relation, "href": href} for relation, href in links],
    }
    return document | changes


def ids(documents: dict[str, Any], root: str = "c") -> list[str]:
    """Return the ids of a tree's items, in order."""
    items = read_tree(root, documents)
    assert not isinstance(items, Missing)
    return [each.id for each in items]


# ── URIs ──
@pytest.mark.parametrize(
    ("base", "href", "uri"),
    [
        ("catalog.json", "./a/b.json", "a/b.json"),
        ("a/b.json", "../catalog.json", "catalog.json"),
        ("a.json", "../../x", "../../x"),
        ("/dir/c.json", "i.json", "/dir/i.json"),
        ("/dir/c.json", "/i.json", "/i.json"),
        ("s3://b/k/c.json", "../i.json", "s3://b/i.json"),
        ("https://h/c.json?token=a/b", "i.json", "https://h/i.json"),
        ("https://h/a/c.json", "/i.json", "https://h/i.json"),
        ("https://h/c.json", "s3://b/i.json", "s3://b/i.json"),
    ],
)
def test_a_link_leads_to_the_same_place_everywhere(
    base: str, href: str, uri: str
) -> None:
    """In a bundle, on disk, in a bucket and on the web."""
    assert resolve(base, href) == uri


def test_only_the_last_part_of_a_uri_is_told() -> None:
    """The query of a presigned link is a secret."""
    assert last_part("https://h/a/b.nc?X-Amz-Signature=1#x") == "b.nc"
    assert readable("/a/b") == "file:///a/b"
    assert readable("s3://b") == "s3://b"
    assert is_relative("a:b/c") is False


# ── trees ──
def test_a_beta_catalog_is_read() -> None:
    """H-10: services of the seed's time write it, without a type."""
    names = ("catalog0.json", BETA_ITEM)
    documents = {name: corpus_json(f"catalogs/beta2/{name}") for name in names}

    items = read_tree("catalog0.json", documents)

    assert not isinstance(items, Missing)
    (granule,) = of_items(items, message("example_message.json"))
    assert isinstance(granule, Granule)
    assert len(granule.hrefs) == 2
    assert granule.source == "C1233800302-EEDTEST"
    assert granule.listed["name"] == "001_00_7f00ff_global.nc"
    assert granule.listed["bbox"] == [-180, -90, 180, 90]
    assert granule.listed["temporal"]["end"] == "2020-01-01T01:59:59.000Z"


def test_items_come_depth_first_then_page_by_page() -> None:
    """Their order is that of the batches."""
    documents = {
        "c": catalog(("child", "d"), ("item", "1"), ("next", "n"), ("item", "2")),
        "d": catalog(("item", "3"), ("child", "e")),
        "e": catalog(("item", "4")),
        "n": catalog(("item", "5")),
    } | {str(number): item(str(number)) for number in range(1, 6)}

    assert ids(documents) == ["1", "2", "3", "4", "5"]


def test_what_is_missing_is_named_all_at_once() -> None:
    """Each document costs somebody a round trip."""
    documents = {"c": catalog(("item", "1"), ("child", "d"), ("next", "n"))}

    assert read_tree("c", {}) == Missing(("c",))
    assert read_tree("c", documents) == Missing(("1", "d", "n"))


def test_the_nearest_source_counts() -> None:
    """A page without one goes by the page before it."""
    source = f"{UAT}/search/concepts/"
    documents = {
        "c": catalog(("harmony_source", f"{source}C1"), ("child", "d"), ("next", "n")),
        "d": catalog(("harmony_source", f"{source}C2"), ("item", "1"), ("item", "2")),
        "n": catalog(("item", "3")),
        "1": item("1"),
        "2": item("2", links=[{"rel": "harmony_source", "href": f"{source}C3"}]),
        "3": item("3"),
    }

    items = read_tree("c", documents)

    assert not isinstance(items, Missing)
    assert [each.source for each in items] == ["C2", "C3", "C1"]


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        ({"c": []}, "c is no object"),
        ({"c": item()}, "c is no STAC catalog"),
        ({"c": {"stac_version": 7}}, "c is no STAC catalog"),
        ({"c": catalog(links=7)}, "c is no STAC catalog"),
        ({"c": catalog(("item", "1")), "1": {"type": "Feature"}}, "1 is no STAC item"),
        ({"c": catalog(("item", "1")), "1": catalog()}, "1 is no STAC item"),
        ({"c": catalog(("item", "1")), "1": item(properties={})}, "1 is no STAC item"),
        ({"c": catalog(links=[{"rel": "item", "href": 1}])}, "c is no STAC catalog"),
        (
            {"c": catalog(("item", "1")), "1": item(assets={"a": {"href": 1}})},
            "1 is no STAC item",
        ),
        ({"c": catalog(("next", "c"))}, "c is linked more than once"),
        ({"c": catalog(("child", "c"))}, "c is linked more than once"),
        (
            {f"{n or 'c'}": catalog(("child", str(n + 1))) for n in range(40)},
            "its catalogs nest deeper than 32 levels",
        ),
    ],
)
def test_what_is_no_tree_is_refused(documents: dict[str, Any], reason: str) -> None:
    """The sentence names the document, and shows nothing of it."""
    with pytest.raises(NotStac) as caught:
        read_tree("c", documents)

    assert str(caught.value).startswith(reason)


def test_an_item_keeps_what_is_its_own() -> None:
    """Relative hrefs are made absolute; links that say where it stood are gone."""
    links = [
        {"rel": "parent", "href": "../c.json"},
        {"rel": "cite-as", "href": "doc.html", "title": "t"},
    ]
    assets = {
        "a": {"href": "a.nc", "roles": ["data"], "file:size": 7, "type": "x"},
        "b": {"href": "b.png", "roles": ["visual"]},
        "c": {"href": "https://h/c.nc", "roles": ["data"], "file:size": "big"},
        "d": {"href": "https://h/d.nc", "roles": 7, "title": 7},
    }
    documents = {
        "/d/c.json": catalog(("item", "g/i.json")),
        "/d/g/i.json": item(links=links, assets=assets),
    }

    items = read_tree("/d/c.json", documents)

    assert not isinstance(items, Missing)
    (read,) = items
    assert read.was_relative
    assert [asset.href for asset in read.data] == ["file:///d/g/a.nc", "https://h/c.nc"]
    assert [asset.size for asset in read.data] == [7, 0]
    assert read.document["assets"]["b"]["href"] == "file:///d/g/b.png"
    assert read.document["links"] == [
        {"rel": "cite-as", "href": "file:///d/g/doc.html", "title": "t"}
    ]


def test_an_item_may_be_nowhere_and_at_no_time() -> None:
    """What is missing is left out of a granule too."""
    never = {"datetime": None, "start_datetime": None, "end_datetime": None}
    documents = {"c": catalog(("item", "1")), "1": item(properties=never)}
    items = read_tree("c", documents)
    assert not isinstance(items, Missing)

    (granule,) = of_items(items, message("async-2.json"))

    assert isinstance(granule, Granule)
    assert granule.listed == {"id": "g", "name": "g.nc", "url": "https://h/g.nc"}


def test_an_input_without_data_or_source_fails_by_itself() -> None:
    """The others go on."""
    source = {"rel": "harmony_source", "href": "https://cmr/C9"}
    documents = {
        "c": catalog(("item", "1"), ("item", "2"), ("item", "3")),
        "1": item("1", assets={"browse": {"href": "https://h/1.png"}}),
        "2": item("2", links=[source]),
        "3": item("3"),
    }
    items = read_tree("c", documents)
    assert not isinstance(items, Missing)

    one = list(of_items(items, message("async-2.json")))
    two = list(of_items(items, message("two-sources-13.json")))

    no_data = Unusable(code="E16", text="Granule 1 has no data asset")
    no_source = Unusable(code="E17", text="Could not match granule to a collection")
    assert one[:2] == [no_data, no_source]
    assert isinstance(one[2], Granule)
    assert two == [no_data, no_source, no_source]


# ── extents ──
@pytest.mark.parametrize("case", corpus_json("own/expected/item-parameters.json"))
def test_extents_of_items_are_those_of_callbacks(case: dict[str, Any]) -> None:
    """H-12: six numbers, antimeridian, one instant, no time at all."""
    box, period = box_of(case), period_of(case)

    assert box is not None
    assert ",".join(map(str, box)) == case["item[bbox]"]
    assert (None if period is None else ",".join(period)) == case["item[temporal]"]


def test_a_box_may_be_none() -> None:
    """What is missing is left out."""
    assert box_of({}) is None
    assert box_of({"bbox": [1, 2]}) is None
    assert box_of({"bbox": [1, 2, 3, None]}) is None


def test_a_box_over_the_antimeridian_is_two_polygons() -> None:
    """RFC 7946, section 3.1.9."""
    shape = box_geometry([170, -10, -170, 10])

    assert shape["type"] == "MultiPolygon"
    (first,), (second,) = shape["coordinates"]
    assert first == [[170, -10], [180, -10], [180, 10], [170, 10], [170, -10]]
    assert second == [[-180, -10], [-170, -10], [-170, 10], [-180, 10], [-180, -10]]
    assert box_geometry([0, 0, 1, 1])["type"] == "Polygon"


# ── catalogs ──
def granules(name: str, **changes: Any) -> list[Granule]:
    """Return the granules of a message."""
    return list(of_message(message(name, **changes)))


def test_a_catalog_of_ours_is_read_back() -> None:
    """Our own reader and pystac agree on it."""
    bundle = write_catalog(granules("async-2.json"), UAT, "seed")

    items = read_tree(bundle.root, bundle.files)

    assert not isinstance(items, Missing)
    assert [each.id for each in items] == ["G1001-A", "G1002-A"]
    assert [each.source for each in items] == ["C1233800302-EEDTEST"] * 2
    assert items[0].data[0].title == "a_01.nc"
    for each in items:
        read = pystac.Item.from_dict(dict(each.document))
        assert read.bbox == each.document["bbox"]


def test_catalogs_of_two_collections_are_apart() -> None:
    """In a flat one the library gives all items the first one's source, silently."""
    bundle = write_catalog(granules("two-sources-13.json"), UAT, "seed")

    items = read_tree(bundle.root, bundle.files)

    assert not isinstance(items, Missing)
    assert len(bundle.files[bundle.root]["links"]) == 2
    assert len({each.source for each in items}) == 2
    assert len({files["id"] for files in bundle.files.values()}) == 16


def test_the_same_seed_makes_the_same_catalog() -> None:
    """A document that is written again after a crash has the same bytes."""
    first, second, other = (
        write_catalog(granules("async-2.json"), UAT, seed) for seed in "aab"
    )

    assert first == second
    assert first.files["catalog.json"]["id"] != other.files["catalog.json"]["id"]


def test_a_granule_without_time_goes_by_the_request() -> None:
    """Else all three times are null; pystac wants the keys."""
    fields = operation("async-2.json")
    for granule in fields["sources"][0]["granules"]:
        del granule["temporal"], granule["bbox"]
    sources = fields["sources"]

    timed = granules("async-2.json", sources=sources)
    timeless = granules("async-2.json", sources=sources, temporal=None)

    assert timed[0].item["properties"]["end_datetime"] == "2020-02-01T00:00:00.000Z"
    assert timeless[0].item["properties"] == {
        "datetime": None,
        "start_datetime": None,
        "end_datetime": None,
    }
    assert "bbox" not in timed[0].item
    for each in (*timed, *timeless):
        pystac.Item.from_dict(dict(each.item))


def test_a_box_alone_gets_its_geometry() -> None:
    """Without one, pystac would drop the box."""
    documents = {"c": catalog(("item", "1")), "1": item(bbox=[0, 0, 1, 1])}
    items = read_tree("c", deepcopy(documents))
    assert not isinstance(items, Missing)
    (granule,) = of_items(items, message("async-2.json"))
    assert isinstance(granule, Granule)

    bundle = write_catalog([granule], UAT, "seed")

    assert bundle.files["item0.json"]["geometry"] == box_geometry([0, 0, 1, 1])
