"""A message as an older version has it: newer fields are gone; never the other way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harpcaller.adapters.harmony.refusals import Code, refuse_places
from harpcaller.adapters.harmony.schema import schema
from harpcaller.adapters.harmony.validation import Slip, problems
from harpcaller.adapters.harmony.versions import known, read_version, version_text

_TEXT_SHAPES = 19  # the first version in which a shape may be a text
# What the worker's procedure makes of a text: a private file.
_SHAPE_FILE = {"href": "file:///shape", "type": "application/geo+json"}


def lower(fields: Mapping[str, Any], minor: int) -> dict[str, Any]:
    """Return a message of version 0.`minor`.0, or as it is if it is older than that.

    Raises:
        Refusal: E4, the older version requires what the message lacks.
    """
    if read_version(fields["version"]) <= minor:
        return dict(fields)
    kept: dict[str, Any] = _keep(fields, schema(known(minor)))
    kept.pop("$schema", None)  # it names the newer one
    kept["version"] = version_text(minor)
    _check(kept, minor)
    return kept


def _keep(value: Any, rule: Mapping[str, Any]) -> Any:
    """Return `value` without the fields that `rule` does not know."""
    if isinstance(value, dict) and "additionalProperties" in rule:
        inner = rule["properties"]
        return {
            name: _keep(value[name], inner[name]) for name in value if name in inner
        }
    if isinstance(value, list) and "items" in rule:
        return [_keep(member, rule["items"]) for member in value]
    return value


def _check(fields: dict[str, Any], minor: int) -> None:
    subset = fields["subset"]
    if minor < _TEXT_SHAPES and isinstance(subset.get("shape"), str):
        fields = {**fields, "subset": {**subset, "shape": _SHAPE_FILE}}
    wrong = [
        problem.detail
        for problem in problems(fields, minor)
        if (problem.slip, problem.detail.pointer) != (Slip.MISSING, "/accessToken")
    ]
    if wrong:
        raise refuse_places(
            Code.SCHEMA, f"Invalid {version_text(minor)} message", wrong
        )
