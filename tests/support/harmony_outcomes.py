"""What services of Harmony answer, and what has to be posted then."""

from __future__ import annotations

import json
from typing import Any

from harmony_corpus import corpus_json

SOURCE = "C1233800302-EEDTEST"


def an_end(**fields: Any) -> Any:
    """Return how a container ends well; `fields` are other parts of its result."""
    end = {"exit": 0, "signal": None, "catalogs": ["catalog.json"], "items": 0}
    return {"result": {**end, "stac": None, "message": None, "error": None, **fields}}


def a_catalog(*links: tuple[str, str], source: str | None = None) -> dict[str, Any]:
    """Return a catalog with some links, each a relation and a href."""
    all_links = [*links]
    if source is not None:
        concepts = "https://cmr.uat.earthdata.nasa.gov/search/concepts"
        all_links.append(("harmony_source", f"{concepts}/{source}"))
    return {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "c",
        "description": "d",
        "links": [{"rel": rel, "href": href} for rel, href in all_links],
    }


def an_item(
    href: str = "s3://b/x.nc", properties: Any = None, **asset: Any
) -> dict[str, Any]:
    """Return an item whose data are at `href`."""
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": href,
        "geometry": None,
        "properties": properties or {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {"data": {"href": href, "roles": ["data"], **asset}},
    }


def a_bundle(*hrefs: str, source: str | None = SOURCE, **asset: Any) -> dict[str, Any]:
    """Return the bundle of a catalog with an item for each href."""
    names = [f"i{number}.json" for number in range(len(hrefs))]
    items = {
        name: an_item(href, **asset) for name, href in zip(names, hrefs, strict=True)
    }
    catalog = a_catalog(*(("item", f"./{name}") for name in names), source=source)
    return {"root": "catalog.json", "files": {"catalog.json": catalog, **items}}


def made(*hrefs: str, **fields: Any) -> Any:
    """Return the outcome of a container that made some files."""
    return an_end(stac=a_bundle(*hrefs), **fields)


def by_unit(key: str, _: Any) -> Any:
    """Return the outcome of a container that made one file, named by its unit."""
    return made(f"s3://b/{key.partition('/')[0]}.nc")


def an_outcome(name: str) -> Any:
    """Return an outcome of the corpus."""
    return corpus_json(f"own/outcomes/{name}.json")


def renamed(name: str, old: str, new: str) -> Any:
    """Return an outcome of the corpus whose names are others."""
    return json.loads(json.dumps(an_outcome(name)).replace(old, new))


ASYNC_2 = {
    "s1.b0": an_outcome("async-2.s1.b0"),
    "s1.b1": an_outcome("async-2.s1.b1"),
}


def expected(name: str) -> list[str]:
    """Return the queries of the posts that have to come out, as text."""
    return [post["encoded"] for post in corpus_json(f"own/expected/{name}.json")]


def third(key: str, _: Any) -> Any:
    """Answer the calls of async-3: what async-2's first unit answered, renamed."""
    number = int(key.partition(".b")[2][0]) + 1
    return renamed("async-2.s1.b0", "a_01", f"a_0{number}")


def chain_outcome(key: str, _: Any) -> Any:
    """Answer the calls of chain-3, each under names of its own."""
    unit = key.partition("/")[0]
    return renamed("async-2.s1.b0", "a_01_red_var", f"{unit}_red_var")
