"""JSON Schemas and the payload formats of the specification.

A complaint names the place and the rule, never a value.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.cumulus.errors import VALIDATION_ERROR, CumulusError
from protocol.jsontext import JsonText, JsonValue, canonical, decode

REMOTE_URLS: Final = "remote-urls"
S3_OBJECTS: Final = "s3-objects"
NULL: Final = "null"
ANY: Final = "any"
FORMATS: Final = (REMOTE_URLS, S3_OBJECTS, NULL, ANY)


def check_schema(schema: JsonValue) -> str | None:
    """Return what is wrong with a JSON Schema, None if nothing is."""
    import jsonschema  # noqa: PLC0415 (an extra, and slow to import)

    if not isinstance(schema, dict | bool):
        return "expected a JSON Schema, an object"
    try:
        _kind(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        return f"no JSON Schema: {error.json_path} violates {error.validator}"
    return None


def validate(schema: JsonValue, value: JsonValue, what: str) -> None:
    """Do nothing if `value` is as the schema says; `what` is its name.

    Raises:
        CumulusError: Cumulus.ValidationError.
    """
    validator = _validator(canonical(schema))
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except Exception as failed:  # of a reference out of the schema: none is fetched
        raise _violation(what, f"the schema cannot be applied: {what}") from failed
    if error is not None:
        path = what + error.json_path.removeprefix("$")
        raise _violation(path, f"{path} violates {error.validator} of its schema")


def check_format(name: str, payload: JsonValue, what: str) -> None:
    """Do nothing if a payload has a format of the specification.

    Raises:
        CumulusError: Cumulus.ValidationError.
    """
    match name:
        case "remote-urls":
            _check_list(payload, what, _is_remote_url, "a url and perhaps a version")
        case "s3-objects":
            _check_list(payload, what, _is_s3_object, "a Bucket and a Key")
        case "null":
            if payload is not None:
                raise _violation(what, f"{what}: expected null")
        case _:  # any
            pass


def _check_list(payload: JsonValue, what: str, is_right: Any, expected: str) -> None:
    if not isinstance(payload, list):
        raise _violation(what, f"{what}: expected a list")
    for number, one in enumerate(payload):
        if not isinstance(one, dict) or not is_right(one):
            path = f"{what}[{number}]"
            raise _violation(path, f"{path}: expected an object with {expected}")


def _is_remote_url(one: Mapping[str, JsonValue]) -> bool:
    is_versioned = isinstance(one.get("version", ""), str)
    return isinstance(one.get("url"), str) and is_versioned


def _is_s3_object(one: Mapping[str, JsonValue]) -> bool:
    parts = (one.get("Bucket"), one.get("Key"))
    return all(isinstance(part, str) and part for part in parts)


def _violation(path: str, message: str) -> CumulusError:
    return CumulusError(VALIDATION_ERROR, message, path=path)


@functools.lru_cache(maxsize=256)
def _validator(text: JsonText) -> Any:
    import referencing  # noqa: PLC0415 (comes with jsonschema)

    schema = decode(text)
    return _kind(schema)(schema, registry=referencing.Registry())


def _kind(schema: Any) -> Any:
    """Return the validator of the draft that a schema names."""
    import jsonschema  # noqa: PLC0415 (an extra, and slow to import)

    return jsonschema.validators.validator_for(
        schema, default=jsonschema.Draft202012Validator
    )
