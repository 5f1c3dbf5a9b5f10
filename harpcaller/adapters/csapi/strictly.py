"""Text of a request to its object: a field given twice is refused, however deep."""

from __future__ import annotations

import json
from typing import Any

from harpcaller.adapters.csapi.refusals import Refusal
from protocol.errors import WireError
from protocol.jsontext import JsonValue, decode


def read_object(body: bytes) -> dict[str, JsonValue]:
    """Return the fields of a request's body, integers exact.

    Raises:
        Refusal: 400, it is no JSON, no object, or a field stands twice.
    """
    try:
        value = decode(body)
    except WireError as error:
        raise Refusal(400, f"the body is no JSON: {error.message}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the body: expected a JSON object")
    # Numbers were read above; as text they cost nothing, however long.
    json.loads(body, object_pairs_hook=_refuse_repeated, parse_int=str, parse_float=str)
    return value


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Refusal(400, f'the body: "{twice[:80]}" is given more than once')
