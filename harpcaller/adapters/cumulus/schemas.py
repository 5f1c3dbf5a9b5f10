"""JSON Schemas, and the payload formats of the seed; complaints never show values."""

from __future__ import annotations

from typing import Final

from protocol.jsontext import JsonValue

FORMATS: Final = ("any", "null", "remote-urls", "s3-objects")


def check_schema(schema: JsonValue) -> str | None:
    """Return what is wrong with a schema, None if nothing is."""
    raise NotImplementedError


def validate(value: JsonValue, schema: JsonValue, what: str) -> None:
    """Do nothing if a value is as a schema says; `what` is what a complaint calls it.

    Raises:
        CumulusError: Cumulus.ValidationError.
    """
    raise NotImplementedError


def check_format(value: JsonValue, name: str, what: str) -> None:
    """Do nothing if a value has one of the formats of the seed.

    Raises:
        CumulusError: Cumulus.ValidationError.
    """
    raise NotImplementedError
