"""JSON Schemas and payload formats around a task."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_messages import MIB, error_of, prepared

from harpcaller.adapters.cumulus import answer
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.schemas import check_schema, validate
from harpcaller.adapters.cumulus.terms import TaskTerms


def test_a_schema_is_looked_at_before_it_is_used() -> None:
    """When the definition is read."""
    assert check_schema({"type": "object"}) is None
    assert check_schema(True) is None
    assert "an object" in str(check_schema([]))
    assert "$.type violates" in str(check_schema({"type": 5}))


def test_a_violation_names_the_place_and_no_value() -> None:
    """There are credentials among them."""
    schema: Any = {"properties": {"a": {"items": {"type": "string"}}}}

    with pytest.raises(CumulusError) as caught:
        validate(schema, {"a": ["x", 5]}, "input")

    assert caught.value.path == "input.a[1]"
    assert caught.value.message == "input.a[1] violates type of its schema"


def test_a_schema_fetches_nothing() -> None:
    """A reference to elsewhere would be a request that anybody can cause."""
    with pytest.raises(CumulusError, match="cannot be applied"):
        validate({"$ref": "http://127.0.0.1:9/x"}, {}, "input")


@pytest.mark.parametrize(
    ("name", "payload", "path"),
    [
        ("remote-urls", {}, "input"),
        ("remote-urls", [1], "input[0]"),
        ("remote-urls", [{"url": "u"}, {"url": 1}], "input[1]"),
        ("remote-urls", [{"url": "u", "version": 1}], "input[0]"),
        ("s3-objects", [{"Bucket": "b", "Key": ""}], "input[0]"),
        ("null", 0, "input"),
    ],
)
def test_a_payload_of_another_format_is_refused(
    name: str, payload: Any, path: str
) -> None:
    """E14: before the call."""
    terms = TaskTerms(name="T", input_format=name)

    error = error_of({"cumulus_meta": {}, "payload": payload}, terms)

    assert (error.type, error.path) == ("Cumulus.ValidationError", path)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("remote-urls", [{"url": "u"}, {"url": "u", "version": "v", "more": 1}]),
        ("s3-objects", [{"Bucket": "b", "Key": "k"}]),
        ("null", None),
        ("any", 5),
    ],
)
def test_a_payload_of_its_format_is_taken(name: str, payload: Any) -> None:
    """With fields that the specification does not know."""
    terms = TaskTerms(name="T", input_format=name, output_format=name)
    task = prepared({"cumulus_meta": {}, "payload": payload}, terms)

    assert answer.next_message(task, payload, MIB).message["payload"] == payload
