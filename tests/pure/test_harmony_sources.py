"""What may come beside a message: overrides, catalogs, bundles, options."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_corpus import corpus_json, operation, settings
from harmony_requests import judged, refused, request

from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.judging import judge
from harpcaller.adapters.harmony.requests import read_request
from harpcaller.adapters.harmony.settings import Dialect, NoData
from harpcaller.adapters.harmony.sources import Located
from harpcaller.adapters.harmony.trees import Missing
from protocol.errors import WireError

COPY = "test/copy"
GOOD = operation("async-2.json")


def test_an_override_replaces_fields_before_the_message_is_judged() -> None:
    """The seed externalises the long list of sources so."""
    fields = GOOD | {"sources": "somewhere else", "user": 7}

    found = judged(
        settings(),
        COPY,
        fields,
        {"sources": operation("sync-1.json")["sources"], "user": "u"},
    )

    assert found.message.fields["user"] == "u"
    assert [each.name for each in found.granules] == ["a_01.nc"]


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        (7, "it is neither a STAC catalog nor an object"),
        ({"files": 7}, "a bundle has a root and files"),
        ({"files": {}, "root": 7}, "a bundle has a root and files"),
        ({"files": {"catalog.json": {}}}, "catalog.json is no STAC catalog"),
        ({"files": {}}, "catalog.json is not in the bundle"),
        (
            {"files": {}, "root": "x" * 1000},
            f"...{'x' * 179} is not in the bundle",
        ),
        ({"stac_version": "1.0.0"}, "catalog.json is no STAC catalog"),
    ],
)
def test_sources_that_are_none_are_refused(sources: Any, reason: str) -> None:
    """After all that can be said of the message."""
    answer = refused(settings(), COPY, GOOD, sources)

    assert answer == ("E15", 400, f"Cannot read input catalog: {reason}")
    assert refused(settings(), "x", GOOD, sources)[0] == "E10"


def test_a_catalog_elsewhere_is_read_first() -> None:
    """What can be judged without it is judged."""
    found = judge(settings(), request(settings(), COPY, GOOD, "/d/catalog.json"), {})

    assert found == Missing(("/d/catalog.json",))
    assert refused(settings(), "x", GOOD, "/d/catalog.json")[0] == "E10"


def test_a_bundle_may_lead_elsewhere() -> None:
    """Its links may be absolute."""
    catalog = corpus_json("own/catalogs/two-granules/catalog.json")
    for link in catalog["links"]:
        link["href"] = link["href"].replace("./", "https://h/")

    found = judge(settings(), request(settings(), COPY, GOOD, catalog), {})

    assert found == Missing(("https://h/item1.json", "https://h/item2.json"))


def two_granules(data: str) -> dict[str, Any]:
    """Return the documents of the corpus's catalog, whose data are at `data`."""
    folder = "own/catalogs/two-granules"
    documents = {
        name: corpus_json(f"{folder}/{name}")
        for name in ("catalog.json", "item1.json", "item2.json")
    }
    for name in ("item1.json", "item2.json"):
        asset = documents[name]["assets"]["data"]
        asset["href"] = asset["href"].replace("file://@DATA@", data)
    return documents


def test_a_catalog_that_is_whole_is_passed_on() -> None:
    """Nobody else's documents are edited without need."""
    documents = {f"/d/{name}": body for name, body in two_granules("https://h").items()}

    found = judged(settings(), COPY, GOOD, "/d/catalog.json", documents=documents)

    assert found.catalog == Located("/d/catalog.json")
    assert [each.name for each in found.granules] == ["gran-1", "gran-2"]


def test_a_catalog_with_relative_data_is_not_passed_on() -> None:
    """The library cannot read it."""
    documents = {f"/d/{name}": body for name, body in two_granules(".").items()}

    found = judged(
        settings(granule_allow=["file:///d/"]),
        COPY,
        GOOD,
        "/d/catalog.json",
        documents=documents,
    )

    assert found.catalog is None
    assert found.granules[0].hrefs == ("file:///d/g_1.txt",)


@pytest.mark.parametrize(
    "name", ["file:///d/i.json", "/d/i.json", "../i.json", "a//i.json", "\0"]
)
def test_a_bundle_that_is_no_folder_is_written_anew(name: str) -> None:
    """A worker would refuse it: the command bundles files by their URLs, too."""
    files = two_granules("https://h")
    files[name] = files.pop("item2.json")
    files["catalog.json"]["links"][-1]["href"] = name

    found = judged(settings(), COPY, GOOD, {"files": files})

    assert found.catalog is None
    assert [each.name for each in found.granules] == ["gran-1", "gran-2"]


def test_items_that_fail_by_themselves_are_warned_of() -> None:
    """The others run; if none is left, there is no input."""
    files = two_granules("https://h")
    files["item1.json"]["assets"] = {}

    found = judged(settings(), COPY, GOOD, {"files": files})

    assert [each.code for each in found.unusable] == ["E16"]
    assert found.warnings == ("Granule gran-1 has no data asset",)
    assert found.catalog is None
    files["item2.json"]["assets"] = {}
    assert refused(settings(), COPY, GOOD, {"files": files})[0] == "E8"


def test_a_request_may_settle_things_for_itself() -> None:
    """What it does not name is the configuration's."""
    options: dict[str, Any] = {
        "dialect": "none",
        "ignore_errors": False,
        "nodata": "error",
        "validation": "compat",
        "sync_stream": True,
        "cancel_probe_s": 0,
    }

    given = read_request(
        settings(), COPY, {"operation": GOOD, "options": options}, Intake.LINE
    ).options
    default = read_request(
        settings(), COPY, {"operation": GOOD, "options": {}}, Intake.LINE
    ).options
    absent = read_request(settings(), COPY, {"operation": GOOD}, Intake.CLI).options

    assert (given.dialect, given.nodata) == (Dialect.NONE, NoData.ERROR)
    assert (given.ignore_errors, given.sync_stream) == (False, True)
    assert (given.cancel_probe_s, given.validation) == (0, "compat")
    assert (default.dialect, default.cancel_probe_s) == (Dialect.SEED, 60)
    assert (absent.dialect, absent.validation) == (Dialect.NONE, "compat")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ([], "arguments"),
        ({}, "operation"),
        ({"operation": {}, "surces": {}}, "surces"),
        ({"operation": {}, "options": 7}, "options"),
        ({"operation": {}, "options": {"retries": 1}}, "retries"),
        ({"operation": {}, "options": {"dialect": "x"}}, "dialect"),
    ],
)
def test_other_arguments_are_refused(arguments: Any, field: str) -> None:
    """A misspelt one would be ignored in silence."""
    with pytest.raises(WireError) as caught:
        read_request(settings(), COPY, arguments, Intake.LINE)

    assert caught.value.data is not None
    assert caught.value.data["field"] == field
