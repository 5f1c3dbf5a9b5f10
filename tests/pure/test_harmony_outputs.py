"""What services leave behind, and what Harmony is told of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest
from harmony_corpus import corpus_json, message

from harpcaller.adapters.harmony.discovery import NoOutputs, output_catalogs
from harpcaller.adapters.harmony.granules import Granule, of_message
from harpcaller.adapters.harmony.mimes import type_of
from harpcaller.adapters.harmony.parameters import (
    error_parameters,
    item_parameters,
    number_text,
    query,
)
from harpcaller.adapters.harmony.results import NoHref, result_granules
from harpcaller.adapters.harmony.sources import Bundle, read_sources
from harpcaller.adapters.harmony.stac import Asset
from harpcaller.adapters.harmony.trees import Missing, read_tree


@pytest.mark.parametrize("case", corpus_json("own/expected/discovery.json"))
def test_catalogs_are_found_in_their_order(case: dict[str, Any]) -> None:
    """H-11: by the list, else by number, not by name."""
    listed = case.get("batch-catalogs.json")

    if "error" in case:
        with pytest.raises(NoOutputs, match=case["error"]):
            output_catalogs(case["files"], listed)
    else:
        assert output_catalogs(case["files"], listed) == case["catalogs"]


def test_one_catalog_is_the_output() -> None:
    """Numbers are for those that have several."""
    assert output_catalogs(["catalog0.json", "catalog.json"], None) == ["catalog.json"]


def asset(**changes: Any) -> Asset:
    """Return an asset that tells nothing but its href."""
    fields = {"href": "https://h/a.nc?sig=1", "title": None, "type": None} | changes
    return Asset(key="data", size=0, **fields)


@pytest.mark.parametrize("case", corpus_json("own/expected/item-parameters.json"))
def test_an_output_is_told_with_its_extent(case: dict[str, Any]) -> None:
    """H-12: Harmony makes STAC of it."""
    told = dict(item_parameters(case, asset(), ""))

    assert told.get("item[bbox]") == case["item[bbox]"]
    assert told.get("item[temporal]") == case["item[temporal]"]


@pytest.mark.parametrize("name", ["async-2.s1.b0", "async-2.s1.b1"])
def test_the_text_of_a_callback_is_exact(name: str) -> None:
    """H-15: names and values are encoded, in this order."""
    bundle = read_sources(corpus_json(f"own/outcomes/{name}.json")["result"]["stac"])
    assert isinstance(bundle, Bundle)
    items = read_tree(bundle.root, bundle.files)
    assert not isinstance(items, Missing)
    progress = {"async-2.s1.b0": "50", "async-2.s1.b1": "99"}[name]
    place = ["async-2.s1.b0", "async-2.s1.b1"].index(name)

    (data,) = items[0].data
    told = [*item_parameters(items[0].document, data, ""), ("progress", progress)]

    expected = corpus_json("own/expected/async-2.seed.json")[place]
    assert query(told) == expected["encoded"]
    assert dict(told) == expected["query"]


def test_what_an_asset_does_not_tell_is_guessed() -> None:
    """A type is required; its name is the last part of its href, less the query."""
    bare: dict[str, Any] = {"properties": {}}

    assert item_parameters(bare, asset(), "image/png") == [
        ("item[href]", "https://h/a.nc?sig=1"),
        ("item[type]", "application/x-netcdf4"),
        ("item[title]", "a.nc"),
    ]
    unknown = asset(href="s3://b/a", title="t")
    assert item_parameters(bare, unknown, "image/png")[1][1] == "image/png"
    assert item_parameters(bare, unknown, "")[1][1] == "application/octet-stream"
    assert type_of("x.TIF") == "image/tiff"


def test_a_query_is_read_back() -> None:
    """A plus would be a blank to others."""
    told = [("item[title]", "a+b & c=d/é")]

    assert parse_qsl(query(told)) == told
    assert "%2B" in query(told)


def test_an_error_is_cut_to_what_a_url_carries() -> None:
    """Servers refuse longer ones, and the request would never end."""
    assert error_parameters("short") == [("error", "short")]
    assert error_parameters("x" * 5000) == [("error", "x" * 4096)]
    ((_, cut),) = error_parameters("é" * 4096)
    assert 6000 < len(query([("", cut)])) <= 8001


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1"), (1.0, "1"), (-37.4, "-37.4"), (1e-7, "1e-07")]
)
def test_numbers_are_short(number: float, text: str) -> None:
    """Integral ones have no fraction."""
    assert number_text(number) == text


# ── plain procedures ──
def inputs(*boxes: list[float] | None) -> list[Granule]:
    """Return granules of a message with these boxes."""
    fields = message("async-3.json").fields
    (source,) = fields["sources"]
    granules = []
    for listed, box in zip(source["granules"], boxes, strict=False):
        kept = {name: listed[name] for name in listed if name != "bbox"}
        granules.append(kept if box is None else {**kept, "bbox": box})
    changed = [{**source, "granules": granules}]
    return list(of_message(message("async-3.json", sources=changed)))


def test_one_href_has_the_extent_of_its_input() -> None:
    """H-14: a plain procedure needs no STAC."""
    one = inputs([0, 1, 2, 3])

    (output,) = result_granules("s3://b/x.png", one, "s1.b0")

    assert output.hrefs == ("s3://b/x.png",)
    assert (output.name, output.listed["id"]) == ("x.png", "s1.b0-0")
    assert output.item["bbox"] == [0, 1, 2, 3]
    assert output.item["properties"] == one[0].item["properties"]
    assert output.source == one[0].source


@pytest.mark.parametrize(
    ("boxes", "union"),
    [
        ([[0, 0, 1, 1], [-5, -6, 0.5, 0.5]], [-5, -6, 1, 1]),
        ([[170, 0, -170, 1], [0, 0, 1, 2]], [-180, 0, 180, 2]),
        ([[0, 0, 1, 1], None], [0, 0, 1, 1]),
        ([None, None], None),
    ],
)
def test_several_inputs_give_their_union(
    boxes: list[list[float] | None], union: list[float] | None
) -> None:
    """Nobody knows which of them an output is of."""
    outputs = result_granules(["s3://b/1", "s3://b/2"], inputs(*boxes), "x")

    assert [each.item.get("bbox") for each in outputs] == [union, union]
    assert outputs[0].item["properties"]["end_datetime"] == "2020-01-02T01:59:59.000Z"


def test_an_output_may_tell_all_of_itself() -> None:
    """Then nothing of the input is taken."""
    period = {"start": "2021-01-01T00:00:00Z", "end": "2021-01-02T00:00:00Z"}
    told = {
        "href": "s3://b/x",
        "type": "image/png",
        "title": "X",
        "bbox": [0, 0, 1, 1],
        "temporal": period,
    }

    (output,) = result_granules([told], inputs([5, 5, 6, 6]), "x")

    assert output.item["assets"]["data"] == {
        "href": "s3://b/x",
        "title": "X",
        "roles": ["data"],
        "type": "image/png",
    }
    assert output.item["bbox"] == [0, 0, 1, 1]
    assert output.listed["temporal"] == period


def test_an_output_may_be_at_no_time() -> None:
    """If its inputs are."""
    fields = message("async-3.json", temporal=None).fields
    (source,) = fields["sources"]
    listed = {"id": "G", "name": "g", "url": "https://h/g"}
    sources = [{**source, "granules": [listed]}]
    timeless = list(of_message(message("async-3.json", temporal=None, sources=sources)))

    (output,) = result_granules("s3://b/x", timeless, "x")

    assert output.item["properties"]["start_datetime"] is None


def test_what_an_output_tells_amiss_is_left_out() -> None:
    """Results of workers are not checked by anybody before us."""
    told = {
        "href": "s3://b/x",
        "type": 7,
        "bbox": [0, "1", 2, 3],
        "temporal": {"start": 1},
    }

    for temporal in ({"start": 1}, "2020", {"end": None}):
        one = inputs([5, 5, 6, 6])
        (output,) = result_granules([told | {"temporal": temporal}], one, "x")

        assert output.item["bbox"] == [5, 5, 6, 6]
        assert output.item["properties"] == one[0].item["properties"]
        assert "type" not in output.item["assets"]["data"]


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        (["2020-01-01T00:00:00+01:00", "2020-01-01T00:00:00"], 1),
        (["soon", "2020-01-01T00:00:00Z"], 1),
    ],
)
def test_times_of_services_may_be_odd(ends: list[str], last: int) -> None:
    """One without offset is UTC, one that is none is before all others."""
    granules = [
        attrs.evolve(
            each, item={"properties": {"start_datetime": "x", "end_datetime": end}}
        )
        for each, end in zip(inputs(None, None), ends, strict=True)
    ]

    (output,) = result_granules("s3://b/x", granules, "x")

    assert output.item["properties"]["end_datetime"] == ends[last]


@pytest.mark.parametrize("result", [None, 7, [7], {"url": "x"}, {"href": 7}, [["x"]]])
def test_a_result_without_href_is_refused(result: Any) -> None:
    """There is nothing that Harmony could be told."""
    with pytest.raises(NoHref):
        result_granules(result, inputs([0, 0, 1, 1]), "x")
