"""A catalog on this machine, gathered with all that it links to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harpcaller.adapters.harmony.uris import is_relative, readable, resolve
from harpcaller.tools.harmony_files import read_document, read_sources_file
from protocol.jsontext import JsonValue

_LINKED: Final = frozenset({"item", "child", "next"})
_FILE: Final = "file:"


def read_call_sources(path: Path, *, is_shared: bool) -> JsonValue:
    """Return `sources` of a call: a catalog itself, its path where that is `shared`.

    Raises:
        Refusal: E15, it cannot be read.
    """
    sources = read_sources_file(path)
    if is_shared or not isinstance(sources, str):
        return sources
    return read_bundle(Path(sources))


def read_bundle(path: Path) -> dict[str, JsonValue]:
    """Return a catalog as a bundle: its documents by the names that links resolve to.

    Documents elsewhere are left to whoever reads the bundle. Hrefs of assets become
    absolute, for a bundle has no place.

    Raises:
        Refusal: E15, one cannot be read.
    """
    folder = path.absolute().parent
    files: dict[str, JsonValue] = {}
    waiting = [path.name]
    for name in waiting:  # it grows while it is walked
        if name in files or not _is_here(name):
            continue
        place = name if name.startswith(_FILE) else str(folder / name)
        document = read_document(place)
        files[name] = _with_absolute_assets(document, place)
        waiting.extend(_linked(document, name))
    return {"root": path.name, "files": files}


def _is_here(name: str) -> bool:
    return is_relative(name) or name.startswith(_FILE)


def _linked(document: Any, name: str) -> Iterator[str]:
    """Give the names of linked documents; whether it is STAC is not judged here."""
    links = document.get("links") if isinstance(document, dict) else None
    for link in links if isinstance(links, list) else ():
        match link:
            case {"rel": str(relation), "href": str(href)} if relation in _LINKED:
                yield resolve(name, href)


def _with_absolute_assets(document: Any, place: str) -> JsonValue:
    match document:
        case {"assets": dict(assets)}:
            moved = {key: _moved(asset, place) for key, asset in assets.items()}
            return {**document, "assets": moved}
        case _:
            kept: JsonValue = document
            return kept


def _moved(asset: Any, place: str) -> Any:
    match asset:
        case {"href": str(href)} if is_relative(href):
            moved: Mapping[str, Any] = {**asset, "href": readable(resolve(place, href))}
            return moved
        case _:
            return asset
