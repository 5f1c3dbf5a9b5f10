"""Documents in S3, moved by boto3 in threads: exact error codes, keys as they are.

boto3 is imported at the first use: it takes a second, and few need it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

import attrs
import trio

from harpcaller.adapters.machine import Save
from harpcaller.runners.transfers import TransferFailed

T = TypeVar("T")

SCHEME: Final = "s3"
PIECE_BYTES: Final = 1024 * 1024
FIRST_PAUSE_S: Final = 0.2  # before the second attempt, twice as long before the third
MAX_ATTEMPT_S: Final = 300.0  # also of a server that sends a byte now and then
_BUSY: Final = frozenset({"SlowDown", "RequestTimeout", "ConditionalRequestConflict"})
_WRITTEN_ALREADY: Final = "PreconditionFailed"
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


class Again(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, failed: TransferFailed) -> None:
        super().__init__(failed.code)
        self.failed = failed


def read_place(uri: str) -> Place:
    """Return the object that a URI names."""
    parts = urlsplit(uri)
    version = parse_qs(parts.query).get("versionId")
    return Place(
        bucket=unquote(parts.netloc),
        key=unquote(parts.path[1:]),
        version=version[0] if version else None,
    )


class S3Mover:
    """Moves documents to and from one S3 service, some at a time."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._limiter = trio.CapacityLimiter(settings.concurrency)
        self._making = trio.Lock()
        self._client: Any = None

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document of at most `max_bytes`.

        Raises:
            TransferFailed: with S3's own code, or Unreachable, Timeout, TooLarge.
        """
        place = read_place(uri)
        return await self._attempt(
            lambda client, _: _get(client, place, max_bytes), may_abandon=True
        )

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document; where one is already it is ours only if it is the same.

        Raises:
            TransferFailed: with S3's own code, or Unreachable, Timeout.
        """
        place = read_place(save.uri)

        def put(client: Any, number: int) -> None:
            try:
                _put(client, place, save)
            except TransferFailed as failed:
                is_ours = failed.code == _WRITTEN_ALREADY and (again or number > 0)
                if not is_ours or not _holds(client, place, save.body):
                    raise

        await self._attempt(put, may_abandon=False)  # a write is never left half done

    async def _attempt(self, work: Callable[[Any, int], T], *, may_abandon: bool) -> T:
        client = await self._made_client()
        for number in range(self._settings.attempts):
            try:
                return await self._in_thread(work, client, number, may_abandon)
            except Again as again:
                if number + 1 == self._settings.attempts:
                    raise again.failed from None
            await trio.sleep(FIRST_PAUSE_S * 2**number)
        raise AssertionError  # there is at least one attempt

    async def _in_thread(
        self, work: Callable[[Any, int], T], client: Any, number: int, may_abandon: bool
    ) -> T:
        with trio.move_on_after(MAX_ATTEMPT_S):
            return await trio.to_thread.run_sync(
                _told,
                work,
                client,
                number,
                abandon_on_cancel=may_abandon,
                limiter=self._limiter,
            )
        raise Again(TransferFailed("Timeout", "S3 was not done in time"))

    async def _made_client(self) -> Any:
        async with self._making:
            if self._client is None:
                make = _make_client
                self._client = await trio.to_thread.run_sync(make, self._settings)
        return self._client


# ── in threads ──
def _make_client(settings: S3Settings) -> Any:
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
        return session.client(SCHEME, endpoint_url=settings.endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:
        code = type(error).__name__
        raise TransferFailed(code, f"S3 cannot be used: {code}") from None


def _told(work: Callable[[Any, int], T], client: Any, number: int) -> T:
    """Return what `work` returns; its errors are told in our words.

    Raises:
        TransferFailed: for good.
        Again: for now.
    """
    from botocore import exceptions as botocore  # noqa: PLC0415
    from urllib3 import exceptions as urllib3  # noqa: PLC0415

    cut_off = (
        botocore.ConnectionError,
        botocore.HTTPClientError,
        botocore.IncompleteReadError,
        OSError,
    )
    try:
        return work(client, number)
    except botocore.ClientError as error:
        raise _refusal(error.response) from None
    except (
        botocore.ConnectTimeoutError,
        botocore.ReadTimeoutError,
        urllib3.ReadTimeoutError,
    ):
        raise Again(TransferFailed("Timeout", "S3 does not answer")) from None
    except cut_off:
        raise Again(TransferFailed("Unreachable", "S3 cannot be reached")) from None
    except (botocore.BotoCoreError, urllib3.HTTPError) as error:
        code = type(error).__name__
        raise TransferFailed(code, f"S3 cannot be asked: {code}") from None


def _refusal(response: Mapping[str, Any]) -> Exception:
    code = str(response.get("Error", {}).get("Code", "Unknown"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    failed = TransferFailed(code, f"S3 answers {code}")
    return Again(failed) if status >= 500 or code in _BUSY else failed


def _get(client: Any, place: Place, max_bytes: int) -> bytes:
    response = client.get_object(**place.parameters())
    stream = response["Body"]
    try:
        length = response.get("ContentLength") or 0
        if length > max_bytes:
            raise _too_large(length, max_bytes)
        pieces: list[bytes] = []
        while piece := stream.read(PIECE_BYTES):
            pieces.append(piece)
            length = sum(map(len, pieces))
            if length > max_bytes:
                raise _too_large(length, max_bytes)
        return b"".join(pieces)
    finally:
        stream.close()


def _put(client: Any, place: Place, save: Save) -> None:
    condition = {} if save.replace else {"IfNoneMatch": "*"}
    # Headers are ASCII: all else is percent-encoded.
    metadata = {name: quote(value) for name, value in save.metadata.items()}
    try:
        client.put_object(
            **place.parameters(),
            **condition,
            Body=save.body,
            ContentType="application/json",
            Metadata=metadata,
        )
    except client.exceptions.ClientError as error:
        raise _refusal(error.response) from None


def _holds(client: Any, place: Place, body: bytes) -> bool:
    try:
        return _get(client, place, len(body)) == body
    except TransferFailed:
        return False


def _too_large(size: int, limit: int) -> TransferFailed:
    return TransferFailed("TooLarge", f"{size} bytes, at most {limit} are allowed")
