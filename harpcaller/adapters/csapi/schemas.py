"""JSON Schemas of configurations; a complaint names place and rule, never a value."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any, Final

from protocol.jsontext import JsonText, JsonValue, decode

PACKAGE: Final = "jsonschema"


def complain_of(schema: Any, package: str = PACKAGE) -> str | None:
    """Return what is wrong with a schema, None if nothing is; `package` judges it."""
    if importlib.util.find_spec(package) is None:
        return f"needs {package}: pip install 'harpcaller[csapi]'"
    import jsonschema  # noqa: PLC0415 (an extra, and slow to import)

    if not isinstance(schema, dict):
        return "expected a JSON Schema, an object"
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return f"no JSON Schema: {error.json_path} violates {error.validator}"
    return None


def violation(schema: JsonText, value: JsonValue) -> str | None:
    """Return where a configuration is not as its schema says, None if it is."""
    try:
        error = next(iter(_validator(schema).iter_errors(value)), None)
    except Exception:  # of a reference out of the schema: none is fetched
        return "the schema of the service cannot be applied"
    if error is None:
        return None
    place = "configuration" + error.json_path.removeprefix("$")
    return f"{place} violates {error.validator} of its schema"


@functools.lru_cache(maxsize=256)
def _validator(schema: JsonText) -> Any:
    import jsonschema  # noqa: PLC0415
    import referencing  # noqa: PLC0415 (comes with jsonschema)

    registry: Any = referencing.Registry()
    value: Any = decode(schema)
    return jsonschema.Draft202012Validator(value, registry=registry)
