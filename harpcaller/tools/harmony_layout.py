"""The names of an output tree's documents: those that harmony-service-lib gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from harpcaller.adapters.harmony.uris import resolve
from protocol.jsontext import JsonValue


def laid_out(bundle: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return a bundle whose items are `ID/ID.json` beside the catalog they stand in.

    One whose id is no name, or another one's, stays where it is. Hrefs of items have
    to be absolute.
    """
    files: Mapping[str, Any] = bundle["files"]
    moves = _moves(files)
    laid: dict[str, JsonValue] = {
        moves.get(name, name): _relinked(document, name, moves)
        for name, document in files.items()
    }
    return {"root": bundle["root"], "files": laid}


def _moves(files: Mapping[str, Any]) -> dict[str, str]:
    """Return the new names of items, by their old ones."""
    moves: dict[str, str] = {}
    taken = set(files)
    for name, document in files.items():
        for link in _item_links(document):
            old = resolve(name, link["href"])
            new = _usual_name(name, files.get(old))
            if new is not None and old not in moves and new not in taken:
                moves[old] = new
                taken.add(new)
    return moves


def _usual_name(catalog: str, item: Any) -> str | None:
    match item:
        case {"id": str(word)} if PurePosixPath(word).parts == (word,) and word != "..":
            return str(PurePosixPath(catalog).parent / word / f"{word}.json")
        case _:
            return None


def _relinked(document: Any, name: str, moves: Mapping[str, str]) -> Any:
    """Return a catalog whose links lead to the new names."""
    if not any(_item_links(document)):
        return document
    folder = PurePosixPath(name).parent
    links = []
    for link in document["links"]:
        new = moves.get(resolve(name, link["href"])) if _is_item(link) else None
        there = new and f"./{PurePosixPath(new).relative_to(folder)}"
        links.append({**link, "href": there} if there else link)
    return {**document, "links": links}


def _item_links(document: Any) -> list[Any]:
    links = document.get("links") if isinstance(document, dict) else None
    return [link for link in links or () if _is_item(link)]


def _is_item(link: Any) -> bool:
    match link:
        case {"rel": "item", "href": str()}:
            return True
        case _:
            return False
