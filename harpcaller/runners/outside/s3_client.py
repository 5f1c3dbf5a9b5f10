"""boto3's client of S3, and what is asked of it: to be called in threads alone.

boto3 is imported at the first use: it takes a second, and few need it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

import attrs

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.s3_answers import told
from harpcaller.runners.transfers import TransferFailed

SCHEME: Final = "s3"
PIECE_BYTES: Final = 1024 * 1024
MAX_NOTE_CHARS: Final = 512  # of one value; S3 refuses more than 2 KB of metadata
_LOUD: Final = ("boto3", "botocore", "s3transfer", "urllib3")


@attrs.frozen(kw_only=True)
class S3Settings:
    """Where S3 is and how long it is waited for; seconds.

    What is None is left to boto3: its environment, files and services.
    """

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    connect_timeout_s: float = 5
    read_timeout_s: float = 30
    attempts: int = 3
    concurrency: int = 16


@attrs.frozen(kw_only=True)
class Place:
    """An object: `s3://BUCKET/KEY[?versionId=V]`, each part percent-encoded once."""

    bucket: str
    key: str
    version: str | None = None

    def parameters(self) -> dict[str, str]:
        """Return what boto3's requests call it."""
        named = {"Bucket": self.bucket, "Key": self.key}
        return named if self.version is None else {**named, "VersionId": self.version}


def read_place(uri: str) -> Place:
    """Return the object that a URI names.

    Raises:
        TransferFailed: it is no URI.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise TransferFailed("InvalidURI", "the URI names no object") from None
    version = parse_qs(parts.query).get("versionId")
    return Place(
        bucket=unquote(parts.netloc),
        key=unquote(parts.path[1:]),
        version=version[0] if version else None,
    )


def make_client(settings: S3Settings) -> Any:
    """Return boto3's client.

    Raises:
        TransferFailed: it cannot be had as it is configured.
    """
    import boto3  # noqa: PLC0415 (see the top)
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    for name in _LOUD:  # what they log has addresses and headers of requests in it
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = Config(
        connect_timeout=settings.connect_timeout_s,
        read_timeout=settings.read_timeout_s,
        retries={"total_max_attempts": 1},
        max_pool_connections=settings.concurrency,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={} if settings.endpoint_url is None else {"addressing_style": "path"},
    )
    try:
        session = boto3.Session(
            profile_name=settings.profile, region_name=settings.region
        )
        client = session.client(
            SCHEME, endpoint_url=settings.endpoint_url, config=config
        )
    except (BotoCoreError, OSError, ValueError) as error:
        code = type(error).__name__
        raise TransferFailed(code, f"S3 cannot be used: {code}") from None
    client.meta.events.register("before-call.s3.HeadBucket", _stay)
    return client


def _stay(params: Mapping[str, Any], **_: Any) -> None:
    """Let botocore not follow what answers its search for a bucket's region.

    It searches when it is redirected, with HEAD; and again, without end, when HEAD
    is redirected too, as by a proxy that wants https.
    """
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def get(client: Any, place: Place, max_bytes: int) -> bytes:
    """Return a document of at most `max_bytes`.

    Raises:
        TransferFailed: there is none to be had; TooLarge, with both numbers.
        Again: there is none now.
    """
    return told(lambda: _get(client, place, max_bytes))


def put(client: Any, place: Place, save: Save) -> None:
    """Write a document.

    Raises:
        TransferFailed: it was not written.
        Again: it was perhaps not written.
    """
    condition = {} if save.replace else {"IfNoneMatch": "*"}
    told(
        lambda: client.put_object(
            **place.parameters(),
            **condition,
            Body=save.body,
            ContentType="application/json",
            Metadata=_headers(save.metadata),
        )
    )


def holds(client: Any, place: Place, body: bytes) -> bool:
    """Tell whether the document there is `body`.

    Raises:
        TransferFailed: it may not be read.
        Again: it cannot be read now.
    """
    try:
        return get(client, place, len(body)) == body
    except TransferFailed as failed:
        if failed.code == "TooLarge":
            return False
        raise


def _get(client: Any, place: Place, max_bytes: int) -> bytes:
    response = client.get_object(**place.parameters())
    stream = response["Body"]
    try:
        size = response.get("ContentLength") or 0
        pieces: list[bytes] = []
        while size <= max_bytes and (piece := stream.read(PIECE_BYTES)):
            pieces.append(piece)
            size = sum(map(len, pieces))
    finally:
        stream.close()
    if size > max_bytes:
        text = f"{size} bytes, at most {max_bytes} are allowed"
        raise TransferFailed("TooLarge", text)
    return b"".join(pieces)


def _headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata as headers want it: short, and ASCII by percent-encoding."""
    return {name: quote(text)[:MAX_NOTE_CHARS] for name, text in metadata.items()}
