"""What `sources` may be: a catalog by place, a bundle of documents, or an override."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from harpcaller.adapters.harmony.refusals import Code, Refusal
from harpcaller.adapters.harmony.uris import resolve
from protocol.jsontext import JsonValue

ROOT: Final = "catalog.json"
_SHOWN_CHARACTERS: Final = 200  # names in a catalog are as long as anybody likes


@attrs.frozen
class Located:
    """A catalog that has to be read: its path or URL."""

    uri: str


@attrs.frozen(kw_only=True)
class Bundle:
    """A tree of documents by their names; relative links lead from name to name."""

    root: str
    files: Mapping[str, Any] = attrs.field(repr=False)

    def value(self) -> JsonValue:
        """Return the bundle as calls carry it."""
        return {"root": self.root, "files": dict(self.files)}


@attrs.frozen
class Override:
    """Fields that replace those of the message."""

    fields: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Unreadable:
    """Something else; why."""

    reason: str


Catalogued: TypeAlias = Located | Bundle
Sources: TypeAlias = Catalogued | Override | Unreadable


def read_sources(value: JsonValue) -> Sources | None:
    """Return what `sources` means: its content tells. None stays None."""
    match value:
        case None:
            return None
        case str():
            return Located(value)
        case dict():
            return _read_object(value)
        case _:
            return Unreadable("it is neither a STAC catalog nor an object")


def _read_object(value: dict[str, JsonValue]) -> Bundle | Override | Unreadable:
    if "files" in value:
        return _read_bundle(value.get("root", ROOT), value["files"])
    if "stac_version" in value or value.get("type") == "Catalog":
        return Bundle(root=ROOT, files={ROOT: value})
    return Override(value)


def _read_bundle(root: JsonValue, files: JsonValue) -> Bundle | Unreadable:
    if not isinstance(root, str) or not isinstance(files, dict):
        return Unreadable("a bundle has a root and files")
    # One spelling for each name: links are resolved to it.
    named = {resolve("", name): document for name, document in files.items()}
    return Bundle(root=resolve("", root), files=named)


def overridden(fields: Mapping[str, Any], sources: Sources | None) -> Mapping[str, Any]:
    """Return the message's fields with those of an override in their place."""
    if isinstance(sources, Override):
        return {**fields, **sources.fields}
    return fields


def cannot_read(reason: str) -> Refusal:
    """Return the refusal of an input catalog (E15)."""
    told = reason
    if len(reason) > _SHOWN_CHARACTERS:
        told = f"...{reason[-_SHOWN_CHARACTERS:]}"
    return Refusal(Code.CATALOG, f"Cannot read input catalog: {told}")
