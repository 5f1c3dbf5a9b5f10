"""Catalogs that we write: STAC 1.0.0, as harmony-service-lib reads them.

They are plain documents: what pystac would write depends on its version, and a
catalog that is written again has to have the same bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from harpcaller.adapters.harmony.geometry import box_geometry
from harpcaller.adapters.harmony.granules import STAC_VERSION, Granule, box_of
from harpcaller.adapters.harmony.sources import ROOT, Bundle
from harpcaller.adapters.harmony.stac import SOURCE


def write_catalog(granules: Sequence[Granule], environment: str, seed: str) -> Bundle:
    """Return the catalog of some granules; ids are made of `seed`.

    Granules of several collections are in a catalog each: in one, the library would
    take all of them for the first one's.
    """
    by_source: dict[str, list[Granule]] = {}
    for granule in granules:
        by_source.setdefault(granule.source, []).append(granule)
    files: dict[str, Any] = {}
    if len(by_source) == 1:
        ((source, members),) = by_source.items()
        _add(files, "", members, f"{environment}/search/concepts/{source}", seed)
        return Bundle(root=ROOT, files=files)
    files[ROOT] = {}  # first, as it is read first
    children = []
    for number, (source, members) in enumerate(by_source.items()):
        folder = f"source{number}/"
        concept = f"{environment}/search/concepts/{source}"
        _add(files, folder, members, concept, f"{seed}/{number}")
        children.append(_link("child", f"./{folder}{ROOT}", source))
    files[ROOT] = _catalog(seed, f"{len(granules)} granules", children)
    return Bundle(root=ROOT, files=files)


def _add(
    files: dict[str, Any],
    folder: str,
    granules: Sequence[Granule],
    concept: str,
    seed: str,
) -> None:
    """Add the catalog of granules of one collection, and their items."""
    names = [f"item{number}.json" for number in range(len(granules))]
    items = [
        _link("item", f"./{name}", granule.name)
        for name, granule in zip(names, granules, strict=True)
    ]
    links = [{"rel": SOURCE, "href": concept}, *items]
    files[f"{folder}{ROOT}"] = _catalog(seed, f"{len(granules)} granules", links)
    for name, granule in zip(names, granules, strict=True):
        files[f"{folder}{name}"] = _with_geometry(granule.item)


def _catalog(
    seed: str, description: str, links: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, seed)),
        "description": description,
        "links": links,
    }


def _link(relation: str, href: str, title: str) -> dict[str, Any]:
    return {"rel": relation, "href": href, "type": "application/json", "title": title}


def _with_geometry(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item with a geometry, if it has a box: pystac drops a box alone."""
    box = box_of(item)
    if item.get("geometry") is not None or box is None:
        return item
    return {**item, "geometry": box_geometry(box)}
