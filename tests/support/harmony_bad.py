"""Messages that Harmony's adapter refuses: code, service, what differs, the text."""

from __future__ import annotations

from typing import Any, TypeAlias

from harmony_corpus import operation

ASYNC = operation("async-2.json")
OTHER_SOURCE = [{**ASYNC["sources"][0], "collection": "C9-X"}]
ETC = [{"id": "G", "name": "n", "url": "file:///etc/hostname"}]
MANY = [{"id": "G", "name": "n", "url": "https://h/g"}] * 14
Bad: TypeAlias = tuple[str, str, dict[str, Any], int, str]
UNKNOWN = 'Unknown service "no/such"'
REFUSED: list[Bad] = [
    (
        "E3",
        "test/copy",
        {"version": "0.3.0"},
        400,
        "Unsupported data-operation version",
    ),
    (
        "E4",
        "test/copy",
        {"subset": {"bbox": 1}},
        400,
        "Invalid message at /subset/bbox",
    ),
    ("E5", "test/copy", {"requestId": "../../x"}, 400, "Invalid message at /requestId"),
    (
        "E6",
        "test/copy",
        {"subset": {"bbox": [0, 9, 1, 8]}},
        400,
        "Invalid bounding box",
    ),
    ("E8", "test/copy", {"sources": []}, 400, "Request has no input granules"),
    (
        "E9",
        "test/copy",
        {"sources": [{**ASYNC["sources"][0], "granules": ETC}]},
        403,
        "Granule URL is not allowed",
    ),
    ("E10", "no/such", {}, 404, UNKNOWN),
    (
        "E11",
        "test/copy",
        {"sources": OTHER_SOURCE},
        400,
        "Service test/copy does not support",
    ),
    (
        "E14",
        "test/any-collection",
        {"sources": [{**ASYNC["sources"][0], "granules": MANY}]},
        413,
        "Service test/any-collection accepts at most 13 granules",
    ),
    (
        "E12",
        "test/copy",
        {"concatenate": True},
        400,
        "Service test/copy cannot perform concatenate",
    ),
]
