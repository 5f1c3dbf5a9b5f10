"""Requests that are refused before any call goes out, in the order of their codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harmony_corpus import operation, settings
from harmony_requests import judged, one_item, refused, request

from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.judging import judge

COPY = "test/copy"
GOOD = operation("async-2.json")


def granule(**changes: Any) -> list[dict[str, Any]]:
    """Return sources with one granule."""
    one = {"id": "G1", "name": "a.nc", "url": "https://h/a.nc"} | changes
    return [{"collection": "C1233800302-EEDTEST", "granules": [one]}]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"requestId": "../../x"}, ("E5", 400, "Invalid message at /requestId")),
        (
            {"callback": "http://169.254.169.254/"},
            ("E7", 403, "Callback URL is not allowed"),
        ),
        ({"callback": "s3://bucket/x"}, ("E7", 403, "Callback URL is not allowed")),
        (
            {"callback": "http://127.0.0.1:80/x?y"},
            ("E7", 403, "Callback URL is not allowed"),
        ),
        (
            {"callback": "http://127.0.0.1:80/x#"},
            ("E7", 403, "Callback URL is not allowed"),
        ),
        (
            {"callback": "http://u:p@127.0.0.1:80/"},
            ("E7", 403, "Callback URL is not allowed"),
        ),
        ({"sources": []}, ("E8", 400, "Request has no input granules")),
        (
            {"sources": [{"collection": "C1"}]},
            ("E8", 400, "Request has no input granules"),
        ),
        (
            {"sources": granule(url="file:///etc/hostname")},
            ("E9", 403, "Granule URL is not allowed: file:"),
        ),
        (
            {"sources": granule(url="http://u:p@evil.example/x?token=1")},
            ("E9", 403, "Granule URL is not allowed: evil.example"),
        ),
        (
            {"sources": [{**granule()[0], "collection": "C9"}]},
            ("E11", 400, "Service test/copy does not support collection C9"),
        ),
        (
            {"format": {"mime": "image/gif"}},
            ("E12", 400, "Service test/copy cannot perform reformat to image/gif"),
        ),
        (
            {"concatenate": True},
            ("E12", 400, "Service test/copy cannot perform concatenate"),
        ),
        (
            {"average": "depth"},
            ("E12", 400, "Service test/copy cannot perform averaging by depth"),
        ),
        (
            {"isSynchronous": True},
            ("E13", 400, "Service test/copy accepts at most 1 granules synchronously"),
        ),
    ],
)
def test_the_first_code_is_the_answer(
    changes: dict[str, Any], answer: tuple[str, int, str]
) -> None:
    """Texts and codes are stable: they are in replies, logs and tests."""
    code, status, text = refused(settings(), COPY, GOOD | changes)

    assert (code, status) == answer[:2]
    assert text.startswith(answer[2])


ALIEN = [{**granule(url="file:///etc/x")[0], "collection": "C9"}]
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("E3", {"version": "9.9.9"}),
    ("E4", {"user": 7}),
    ("E5", {"requestId": "x"}),
    ("E6", {"subset": {"bbox": [0, 9, 1, 8]}}),
    ("E7", {"callback": "s3://x"}),
    ("E9", {"sources": ALIEN}),
]


@pytest.mark.parametrize("place", range(len(FAULTS)))
def test_the_first_of_many_faults_is_told(place: int) -> None:
    """Whoever mends one fault after the other sees how far he has come."""
    fields = {"concatenate": True, "isSynchronous": True}
    for _, fault in FAULTS[place:]:
        fields |= fault

    assert refused(settings(), "unknown", GOOD | fields)[0] == FAULTS[place][0]


def test_the_last_faults_are_told_in_their_order() -> None:
    """A service that is not known cannot be asked what it serves."""
    fields: dict[str, Any] = {"concatenate": True, "isSynchronous": True}
    alien = {"sources": [{**granule()[0], "collection": "C9"}]}

    codes = [
        refused(settings(), "unknown", GOOD | fields | {"sources": []})[0],
        refused(settings(), "unknown", GOOD | fields | alien)[0],
        refused(settings(), COPY, GOOD | fields | alien)[0],
        refused(settings(), COPY, GOOD | fields)[0],
        refused(settings(), COPY, GOOD | {"isSynchronous": True})[0],
    ]

    assert codes == ["E8", "E10", "E11", "E12", "E13"]


def test_a_catalog_alone_is_of_no_collection() -> None:
    """E8: nobody could tell what its items are, nor whether they are served."""
    answer = refused(settings(), COPY, GOOD | {"sources": []}, one_item())

    assert answer == ("E8", 400, "Request has no input granules")


def test_a_service_that_is_not_offered_is_unknown() -> None:
    """One that was switched off too."""
    for name in ("x", "test/switched-off"):
        answer = refused(settings(), name, GOOD)

        assert answer == ("E10", 404, f'Unknown service "{name}"')


def test_a_service_may_be_asynchronous_only() -> None:
    """H-9: absent, one granule may be waited for."""
    one = operation("valid-operation-v0.10.0.json")

    answer = refused(settings(), "test/async-only", one)

    assert answer == (
        "E13",
        400,
        "Service test/async-only accepts only asynchronous requests",
    )
    assert judged(settings(), COPY, one).is_sync


def test_too_many_granules_are_refused() -> None:
    """H-8: by the service's own limit, and by the one for all."""
    many = operation("two-sources-13.json")
    listed = many["sources"][0]["granules"]
    name = "test/any-collection"

    assert not judged(settings(), name, many).is_sync
    code, status, text = refused(settings(max_granules=5), name, many)
    assert (code, status) == ("E14", 413)
    listed.append(listed[0])
    assert text == f"Service {name} accepts at most 5 granules"
    assert refused(settings(), name, many)[2].endswith("at most 13 granules")


def test_a_message_that_does_not_say_is_judged_by_its_size() -> None:
    """Harmony's own default depends on the service."""
    two = {name: GOOD[name] for name in GOOD if name != "isSynchronous"}

    assert judged(settings(), COPY, two | {"sources": granule()}).is_sync
    assert not judged(settings(), COPY, two).is_sync


def able(**changes: Any) -> dict[str, bytes]:
    """Return services.yml with one service that can do nothing but `changes`."""
    service = {
        "name": "a/b",
        "capabilities": changes,
        "steps": [{"image": "test/copy"}],
    }
    environment = "https://cmr.uat.earthdata.nasa.gov"
    # JSON is YAML.
    return {"services.yml": json.dumps({environment: [service]}).encode()}


@pytest.mark.parametrize(
    ("changes", "able_to", "operation_name"),
    [
        ({}, {}, "variableSubset"),
        ({"sources": granule(), "format": {"crs": "EPSG:1"}}, {}, "reproject"),
        (
            {"sources": granule(), "subset": {"dimensions": [{"name": "x"}]}},
            {},
            "dimensionSubset",
        ),
        ({"sources": granule(), "extendDimensions": ["x"]}, {}, "extend"),
        (
            {
                "sources": [
                    granule()[0]
                    | {
                        "variables": [
                            {"id": name, "name": name, "fullPath": name}
                            for name in "ab"
                        ]
                    }
                ]
            },
            {"subsetting": {"variable": True}},
            "variableSubset of several variables",
        ),
    ],
)
def test_what_a_service_cannot_do_is_named(
    changes: dict[str, Any], able_to: dict[str, Any], operation_name: str
) -> None:
    """The user asked for it, and would not get it."""
    answer = refused(settings(able(**able_to)), "a/b", GOOD | changes)

    assert answer == ("E12", 400, f"Service a/b cannot perform {operation_name}")


def test_extents_that_are_not_cut_out_are_a_warning() -> None:
    """They limit the search for granules too; Harmony tells its users the same."""
    fields = GOOD | {"sources": granule(), "format": {"mime": "image/tiff"}}

    found = judged(settings(able(output_formats=["text/csv"])), "a/b", fields)

    assert [warning.split(":")[0] for warning in found.warnings] == [
        "a/b has no spatialSubset",
        "a/b has no temporalSubset",
        "a/b does not write image/tiff",
    ]


def test_unchecked_leaves_out_what_the_service_can_do() -> None:
    """What would run, if."""
    fields = GOOD | {"isSynchronous": True, "concatenate": True}

    assert judged(settings(), "test/async-only", fields, is_checked=False).is_sync


@pytest.mark.parametrize(
    ("intake", "changes", "text"),
    [
        (Intake.HTTP, {}, "callback is required"),
        (Intake.HTTP, {"isSynchronous": True, "sources": granule()}, None),
        (Intake.LINE, {}, None),
        (Intake.CLI, {"callback": "http://evil.example/"}, None),
    ],
)
def test_a_callback_is_looked_at_where_it_is_used(
    intake: Intake, changes: dict[str, Any], text: str | None
) -> None:
    """A command prints its results, a synchronous POST is answered with them."""
    fields = {name: GOOD[name] for name in GOOD if name != "callback"} | changes

    if text is None:
        judge(settings(), request(settings(), COPY, fields, None, intake), {})
    else:
        assert refused(settings(), COPY, fields, None, intake) == ("E7", 400, text)


def test_a_message_is_an_object() -> None:
    """E2 comes before all else."""
    assert refused(settings(), COPY, [])[0] == "E2"
