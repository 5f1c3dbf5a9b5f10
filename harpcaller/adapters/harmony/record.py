"""The result of a request: its outputs and units, and what is left of its message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.bindings import Binding
from harpcaller.adapters.harmony.catalogs import write_catalog
from harpcaller.adapters.harmony.courses import Course
from harpcaller.adapters.harmony.granules import Granule
from harpcaller.adapters.harmony.plan import Planner
from harpcaller.adapters.harmony.publishing import Published
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.remaining import shown
from harpcaller.adapters.machine import Save
from protocol.jsontext import JsonText, JsonValue, encode

MAX_BYTES: Final = 2**20
_LISTS: Final = ("outputs", "units", "warnings")


@attrs.define(eq=False)
class Record:
    """What a request has brought so far."""

    outputs: list[JsonValue] = attrs.field(factory=list)
    granules: list[Granule] = attrs.field(factory=list)
    courses: list[Course] = attrs.field(factory=list)
    warnings: list[JsonValue] = attrs.field(factory=list)

    def add(
        self,
        published: Sequence[Published],
        course: Course,
        binding: Binding,
        user: str,
    ) -> None:
        """Add the outputs of a unit; `user` is the request's id."""
        told: dict[str, JsonValue] = {
            "title": binding.title,
            "version": binding.version,
            "publisher": binding.publisher,
            "accessed_at": course.accessed_at,
            "request": user,
        }
        inputs: JsonValue = [*course.origin.inputs]
        for each in published:
            name = str(each.granule.listed["id"])
            # A service that keeps the ids of its inputs tells which one it was.
            own: JsonValue = [name] if name in course.origin.inputs else inputs
            provenance: JsonValue = {**told, "granules": own}
            self.outputs.append(
                {**each.value(), "unit": course.unit.key, "provenance": provenance}
            )

    def add_unchanged(self, published: Sequence[Published], user: str) -> None:
        """Add inputs that are outputs as they are."""
        for each in published:
            told: JsonValue = {
                "granules": [str(each.granule.listed["id"])],
                "request": user,
            }
            self.outputs.append({**each.value(), "unit": None, "provenance": told})

    def value(self, planner: Planner, *, is_successful: bool) -> dict[str, JsonValue]:
        """Return the result, whatever its size."""
        status = "partial" if self.outputs else "failed"
        fields = planner.judged.message.fields
        last = len(planner.judged.steps)
        left = [
            course.message
            for course in self.courses
            if course.unit.step == last and course.outputs
        ]
        catalog = write_catalog(
            self.granules, planner.settings.environment, f"{planner.job_id}/out"
        )
        return {
            "status": "successful" if is_successful else status,
            "outputs": self.outputs,
            "units": [course.value() for course in self.courses],
            "stac": catalog.value(),
            "message": _without_granules(shown(fields, left)),
            "warnings": self.warnings,
        }


def refused_value(refusal: Refusal | None) -> dict[str, JsonValue]:
    """Return the result of a request that never began, and why, if it was refused."""
    value: dict[str, JsonValue] = {
        "status": "failed",
        "outputs": [],
        "units": [],
        "stac": None,
        "message": None,
        "warnings": [],
    }
    return value if refusal is None else {**value, **refusal.data}


def _without_granules(fields: Mapping[str, Any]) -> JsonValue:
    """Return a message whose sources list no granules: the catalog does."""
    sources = [
        {name: source[name] for name in source if name != "granules"}
        for source in fields["sources"]
    ]
    return {**fields, "sources": sources}


def spill(value: dict[str, JsonValue], folder: str) -> tuple[JsonText, list[Save]]:
    """Return a result of at most 1 MiB, and what has to be written into `folder`.

    Lists go first, then the catalog.
    """
    text = encode(value)
    saves: list[Save] = []
    kept = dict(value)
    for name in (*_LISTS, "stac"):
        if len(text) <= MAX_BYTES:
            break
        body = kept[name]
        if name == "stac":
            kept[name] = {"href": _spill_catalog(body, folder, saves)}
        elif isinstance(body, list) and body:
            uri = f"{folder}/{name}.json"
            saves.append(_save(f"end/{name}", uri, body))
            kept[name] = {"href": uri, "count": len(body)}
        text = encode(kept)
    return text, saves


def _spill_catalog(bundle: Any, folder: str, saves: list[Save]) -> str:
    for number, (name, body) in enumerate(bundle["files"].items()):
        saves.append(_save(f"end/stac{number}", f"{folder}/stac/{name}", body))
    return f"{folder}/stac/{bundle['root']}"


def _save(key: str, uri: str, body: JsonValue) -> Save:
    return Save(key=key, uri=uri, body=encode(body), replace=True)
