"""Documents that a message refers to, and how they are named outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import attrs

from harpcaller.adapters.cumulus.errors import (
    REMOTE,
    CumulusError,
    invalid_message,
    too_large,
)
from harpcaller.adapters.cumulus.paths import Steps, read_simple
from harpcaller.adapters.cumulus.templates import MAX_DEPTH, depth_of_text
from protocol.errors import WireError
from protocol.jsontext import JsonValue, decode, is_within_depth

_ROOT: Final = "$"
_NO_ROOT: Final = "$."
_MARK: Final = b"\xef\xbb\xbf"  # in front of what some programs write
_KEYS: Final = ({"Bucket", "Key"}, {"Bucket", "Key", "VersionId"})


@attrs.frozen(kw_only=True)
class Reference:
    """A document in a bucket."""

    bucket: str
    key: str
    version: str | None = None

    @property
    def uri(self) -> str:
        """Its name for those who fetch it: `s3://BUCKET/KEY[?versionId=V]`."""
        uri = f"s3://{quote(self.bucket, safe='')}/{quote(self.key)}"
        if self.version is None:
            return uri
        return f"{uri}?versionId={quote(self.version, safe='')}"

    @property
    def about(self) -> dict[str, JsonValue]:
        """What is told of it."""
        return {"bucket": self.bucket, "key": self.key}

    def error(self, code: str, text: str) -> CumulusError:
        """Return the complaint that it cannot be had, or kept."""
        return CumulusError(REMOTE, text, code=code, about={**self.about, "code": code})

    def check_allowed(self, buckets: frozenset[str] | None) -> None:
        """Do nothing if its bucket is one of `buckets`; None is all.

        Raises:
            CumulusError: RemoteResourceError, NotAllowed.
        """
        if buckets is not None and self.bucket not in buckets:
            raise self.error("NotAllowed", "the bucket is not in bucket_allow")


@attrs.frozen(kw_only=True)
class Replace:
    """A document to be put into the message: no steps are the whole of it."""

    reference: Reference
    steps: Steps


def payload_reference(payload: JsonValue) -> Reference | None:
    """Return what a payload refers to, None if it is data."""
    if not isinstance(payload, dict) or payload.keys() not in _KEYS:
        return None
    if not all(isinstance(part, str) and part for part in payload.values()):
        return None
    return _reference(payload)


def read_replace(message: Mapping[str, JsonValue]) -> Replace | None:
    """Return the document that a message wants put into it, if it does.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    value = message.get("replace")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid_message("replace", "an object with Bucket and Key")
    for name in ("Bucket", "Key"):
        if not isinstance(value.get(name), str) or not value[name]:
            raise invalid_message(f"replace.{name}", "a string, not empty")
    target = value.get("TargetPath")
    steps = read_target(_ROOT if target is None else target)
    if steps is None:
        raise invalid_message("replace.TargetPath", "$ or one simple path")
    return Replace(reference=_reference(value), steps=steps)


def read_target(target: JsonValue) -> Steps | None:
    """Return the steps of a simple path, none for `$`; None if it is neither."""
    if target == _ROOT:
        return ()
    return read_simple(target) if isinstance(target, str) else None


def read_document(reference: Reference, body: bytes) -> JsonValue:
    """Return what a fetched document says.

    Raises:
        CumulusError: RemoteResourceError, InvalidJSON; States.DataLimitExceeded, it
            nests too deeply.
    """
    text = body.removeprefix(_MARK)
    if not is_within_depth(text, MAX_DEPTH):
        raise too_large("depth of the document", depth_of_text(text), MAX_DEPTH)
    try:
        return decode(text)
    except WireError as error:
        offset = error.message.rpartition(" at byte ")[2]
        place = ""
        if offset.isdigit():
            place = f" at byte {int(offset) + len(body) - len(text)}"
        complaint = f"the document is no JSON{place}"
        raise reference.error("InvalidJSON", complaint) from None


def _reference(value: Mapping[str, JsonValue]) -> Reference:
    version = value.get("VersionId")
    return Reference(
        bucket=str(value["Bucket"]),
        key=str(value["Key"]),
        version=version if isinstance(version, str) and version else None,
    )
