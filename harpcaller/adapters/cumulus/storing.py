"""What of a message is stored outside, and the message that refers to it then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.configuration import (
    REPLACE_CONFIG,
    TASK_CONFIG,
    Storing,
)
from harpcaller.adapters.cumulus.errors import invalid_message, invalid_workflow
from harpcaller.adapters.cumulus.paths import NotThere
from harpcaller.adapters.cumulus.references import Reference
from protocol.jsontext import JsonValue, encode

_FOLDER: Final = "events"


@attrs.frozen(kw_only=True)
class Stored:
    """A document to be written, and the message once it is."""

    reference: Reference
    body: bytes = attrs.field(repr=False)
    message: dict[str, Any] = attrs.field(repr=False)


def stored(
    message: Mapping[str, JsonValue], storing: Storing, object_id: str
) -> dict[str, Any] | Stored:
    """Return the message that is handed on, or what has to be stored before.

    `object_id` is the last part of the key of what is stored.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow, the path finds nothing;
            Cumulus.InvalidMessage, there is no bucket to store in.
    """
    bare = {
        key: value
        for key, value in message.items()
        if key not in (REPLACE_CONFIG, TASK_CONFIG)
    }
    try:
        value = paths.get(bare, storing.steps)
    except NotThere:
        expected = f"{paths.spelled(storing.steps)} to be there"
        raise invalid_workflow(f"{REPLACE_CONFIG}.Path", expected) from None
    if storing.max_size and size_of(value) < storing.max_size:
        return bare
    reference = system_reference(message, object_id)
    after: dict[str, Any] = {"cumulus_meta": message["cumulus_meta"]}
    if storing.steps:
        put = paths.put(bare, storing.steps, _emptied(value))
        assert isinstance(put, dict)  # noqa: S101 (a message stays one)
        after = put
    after["replace"] = {
        "Bucket": reference.bucket,
        "Key": reference.key,
        "TargetPath": storing.target,
    }
    return Stored(reference=reference, body=encode(value), message=after)


def system_reference(message: Mapping[str, JsonValue], object_id: str) -> Reference:
    """Return where a message's own documents are stored.

    Raises:
        CumulusError: Cumulus.InvalidMessage, it names no bucket.
    """
    meta = message["cumulus_meta"]
    bucket = meta.get("system_bucket") if isinstance(meta, dict) else None
    if not isinstance(bucket, str) or not bucket:
        raise invalid_message("cumulus_meta.system_bucket", "the name of a bucket")
    return Reference(bucket=bucket, key=f"{_FOLDER}/{object_id}")


def size_of(value: JsonValue) -> int:
    """Return the bytes that Python's own JSON takes for a value: `é` is 6."""
    return len(json.dumps(value))


def _emptied(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {}
    return [] if isinstance(value, list) else ""
