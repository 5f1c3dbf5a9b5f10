"""Which data-operation messages are accepted, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_corpus import message, operation

from harpcaller.adapters.harmony.message import Mode, read_message, redact
from harpcaller.adapters.harmony.refusals import Code, Detail, Refusal
from harpcaller.adapters.harmony.validation import problems

SAMPLES = (
    "valid-operation-v0.4.0.json",
    "valid-operation-v0.10.0.json",
    "valid-operation-v0.21.0.json",
    "valid-operation-v0.22.0.json",
    "valid-operation-input.json",
    "example_message.json",
    "example_legacy_message.json",
    "async-2.json",
    "two-sources-13.json",
)


def refusal(fields: dict[str, Any], mode: Mode = Mode.STRICT) -> Refusal:
    """Return why the message is refused."""
    with pytest.raises(Refusal) as caught:
        read_message(fields, mode)
    return caught.value


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("mode", Mode)
def test_real_messages_are_accepted(name: str, mode: Mode) -> None:
    """They are Harmony's own samples."""
    judged = read_message(operation(name), mode)

    assert judged.warnings == ()
    assert judged.request_id == judged.fields["requestId"]
    assert judged.sources == judged.fields["sources"]


@pytest.mark.parametrize(
    ("name", "version", "pointers"),
    [
        ("valid-operation-v0.10.0.json", "0.9.0", ["/format/srs"]),
        (
            "valid-operation-v0.22.0.json",
            "0.21.0",
            ["/sources/0/variables/0/visualizations", "/sources/0/visualizations"],
        ),
        (
            "invalid-operation-input.json",
            "0.22.0",
            ["/accessToken", "/subset/bbox"],
        ),
    ],
)
def test_a_field_that_the_version_lacks_is_named(
    name: str, version: str, pointers: list[str]
) -> None:
    """The pointer is that of the field itself, a missing one too."""
    refused = refusal(operation(name, version=version))

    assert refused.code is Code.SCHEMA
    assert [detail.pointer for detail in refused.details] == pointers
    assert refused.message.startswith(f"Invalid message at {pointers[0]}: ")


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        (None, ""),
        ("0.3.0", "0.3.0"),
        ("1.0.0", "1.0.0"),
        ("0.22", "0.22"),
        ("0.022.0", "0.022.0"),
        (22, "22"),
        ("x" * 50, "x" * 40),
    ],
)
def test_a_version_that_nobody_reads_is_refused(version: Any, shown: str) -> None:
    """It comes first: the schema depends on it."""
    refused = refusal(operation("invalid-operation-input.json", version=version))

    assert refused.code is Code.VERSION
    assert refused.message == f'Unsupported data-operation version "{shown}"'


def test_a_newer_version_passes_with_a_warning() -> None:
    """Harmony adds fields at every minor version; services ignore what they lack."""
    fields = operation("async-2.json", version="0.23.0", shiny=1)

    judged = read_message(fields, Mode.STRICT)

    assert judged.minor == 23
    assert judged.fields["shiny"] == 1
    assert judged.warnings == ("message: /shiny is not known in this version",)


def test_compat_forgives_what_real_messages_get_wrong() -> None:
    """Unknown fields and a missing token are nobody's loss; wrong types are."""
    fields = operation("async-2.json", accessToken=None) | {"a/b~": 1}

    judged = read_message(fields, Mode.COMPAT)

    assert judged.warnings == (
        "message: /accessToken is required",
        "message: /a~1b~0 is not known in this version",
    )
    assert refusal(fields).code is Code.SCHEMA
    refused = refusal(fields | {"user": 7}, Mode.COMPAT)
    assert refused.details == (Detail("/user", "must be a string"),)
    assert refusal({"version": "0.22.0"}, Mode.COMPAT).code is Code.SCHEMA


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"subset": None}, Detail("/subset", "must be an object")),
        ({"callback": "no uri"}, Detail("/callback", "must be a URI")),
        ({"isSynchronous": 1}, Detail("/isSynchronous", "must be true or false")),
        ({"concatenate": None}, Detail("/concatenate", "must be true or false")),
        ({"sources": {}}, Detail("/sources", "must be a list")),
        ({"format": {"dpi": 1.5}}, Detail("/format/dpi", "must be an integer")),
        ({"format": {"width": "1"}}, Detail("/format/width", "must be a number")),
        ({"format": {"srs": 1}}, Detail("/format/srs", "must be an object or null")),
        ({"subset": {"bbox": [1]}}, Detail("/subset/bbox", "must have 4 numbers")),
        (
            {"subset": {"point": [1, 2, 3]}},
            Detail("/subset/point", "must have 2 numbers"),
        ),
        (
            {"subset": {"shape": 1}},
            Detail("/subset/shape", "must be an object or a string"),
        ),
        (
            {"subset": {"shape": {"href": "x"}}},
            Detail("/subset/shape/type", "is required"),
        ),
        ({"extendDimensions": [1]}, Detail("/extendDimensions/0", "must be a string")),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(
    change: dict[str, Any], detail: Detail
) -> None:
    """Messages carry secrets; a pointer is enough to find the value."""
    refused = refusal(operation("async-2.json") | change)

    assert refused.code is Code.SCHEMA
    assert refused.details == (detail,)
    assert refused.message == f"Invalid message at {detail.pointer}: {detail.problem}"


@pytest.mark.parametrize(
    "change",
    [
        {"format": {"srs": None}},
        {"subset": {"shape": '{"type":"Point","coordinates":[0,0]}'}},
        {"extraArgs": {"any": {"thing": [None]}}},
        {"sources": [{"collection": "C1", "visualizations": [{"a": None}]}]},
        {"subset": {"bbox": [170, -10, -170, 10]}},
        {"temporal": {"start": "2020-01-01T00:00:00Z"}},
        {"temporal": {"start": "2020-01-01t00:00:00z", "end": "2020-01-02t00:00:00z"}},
        {"temporal": {}},
    ],
)
def test_what_looks_odd_and_is_legal_passes(change: dict[str, Any]) -> None:
    """Null for srs, a shape as text, open ranges, boxes over the antimeridian."""
    judged = read_message(operation("async-2.json") | change, Mode.STRICT)

    assert judged.warnings == ()


def test_only_five_problems_are_told_in_the_text() -> None:
    """All of them are in the details."""
    refused = refusal({"version": "0.22.0"})

    assert len(refused.details) == 8
    assert refused.message.count("is required") == 5
    assert refused.message.endswith("; and 3 more")


def test_a_request_id_is_a_uuid() -> None:
    """It becomes a part of paths and queue names."""
    for text in ("../../x", "0x0e08e1a-b0bb-5209-a14f-f1cf790e4987", "{" + "0" * 36):
        refused = refusal(operation("async-2.json", requestId=text))

        assert refused.code is Code.REQUEST_ID
        assert refused.message == "Invalid message at /requestId: must be a UUID"
    no_text = refusal(operation("async-2.json", requestId=7))
    assert no_text.message == "Invalid message at /requestId: must be a string"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"subset": {"bbox": [0, 10, 1, -10]}},
            "bounding box at /subset/bbox: south is",
        ),
        (
            {"subset": {"bbox": [0, -91, 1, 0]}},
            "bounding box at /subset/bbox: latitudes",
        ),
        (
            {"subset": {"bbox": [0, 0, float("inf"), 0]}},
            "bounding box at /subset/bbox: must be finite",
        ),
        (
            {"subset": {"bbox": [0, 0, 10**400, 0]}},
            "bounding box at /subset/bbox: must be finite",
        ),
        (
            {
                "temporal": {
                    "start": "2020-01-02T00:00:00Z",
                    "end": "2020-01-01T00:00:00Z",
                }
            },
            "temporal range at /temporal: start is after end",
        ),
        (
            {"temporal": {"start": "2020-01-02"}},
            "temporal range at /temporal/start: must be a date",
        ),
        (
            {"temporal": {"end": "2020-01-02T00:00:00Z\n"}},
            "temporal range at /temporal/end: must be a date",
        ),
    ],
)
def test_an_extent_that_is_none_is_refused(change: dict[str, Any], text: str) -> None:
    """A service would stumble over it, or quietly return nothing."""
    refused = refusal(operation("async-2.json") | change)

    assert refused.code is Code.EXTENT
    assert refused.message.startswith(f"Invalid {text}")


def test_granules_have_extents_too() -> None:
    """They are copied into the catalogs that services read."""
    fields = operation("async-2.json")
    first, second = fields["sources"][0]["granules"]
    first["bbox"] = [0, 1, 0, 0]
    second["temporal"] = {
        "start": "2021-01-01T00:00:00Z",
        "end": "2020-01-01T00:00:00Z",
    }

    refused = refusal(fields)

    assert [detail.pointer for detail in refused.details] == [
        "/sources/0/granules/0/bbox",
        "/sources/0/granules/1/temporal",
    ]


def test_a_staging_location_ends_in_a_slash() -> None:
    """Services put the name of a file behind it."""
    judged = message("async-2.json", stagingLocation="s3://bucket/x")

    assert judged.fields["stagingLocation"] == "s3://bucket/x/"
    assert message("async-2.json").fields["stagingLocation"].endswith("4987/")
    assert "stagingLocation" not in message("valid-operation-v0.4.0.json").fields


def test_nobody_sees_the_secrets() -> None:
    """Whoever knows the callback can post results."""
    shown = redact(operation("async-2.json"))

    assert shown["accessToken"] == shown["callback"] == "***"
    assert shown["user"] == "jdoe"


@pytest.mark.parametrize("minor", range(4, 23))
def test_every_version_has_a_schema(minor: int) -> None:
    """The oldest sample has what was always required; newer ones require more."""
    fields = operation("valid-operation-v0.4.0.json")

    missing = {problem.detail.pointer for problem in problems(fields, minor)}

    expected = {
        "/stagingLocation": minor >= 6,
        "/accessToken": minor >= 9,
        "/sources/0/variables/0/fullPath": minor >= 8,
    }
    assert missing == {pointer for pointer, is_due in expected.items() if is_due}
