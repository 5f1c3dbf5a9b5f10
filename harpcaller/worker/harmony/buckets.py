"""A folder of S3 where a service leaves its documents: boto3, an optional package.

The process is that of one call, and so may wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

import attrs

from harpcaller.worker.harmony.documents import MAX_DOCUMENT_BYTES

_CONNECT_S: Final = 5
_READ_S: Final = 30
_ATTEMPTS: Final = 3
_MAX_NAMES: Final = 100_000
_NOT_THERE: Final = {"NoSuchKey", "404"}


class Unreadable(Exception):
    """S3 does not let us read what is there, or not now."""


def can_read() -> bool:
    """Tell whether the package that reads S3 is installed."""
    return find_spec("boto3") is not None


@attrs.frozen
class InS3:
    """What is below `address`, `s3://BUCKET/PREFIX/`."""

    address: str
    _client: Any = attrs.field(repr=False)

    def is_empty(self) -> bool:
        """Tell whether nothing is there yet, but for the folder itself.

        Raises:
            Unreadable: it cannot be told.
        """
        bucket, prefix = self._parts()
        with _reading():
            found = self._client.list_objects_v2(
                Bucket=bucket, Prefix=prefix, MaxKeys=2
            )
        return all(each["Key"] == prefix for each in found.get("Contents", ()))

    def names(self) -> Sequence[str]:
        """Return the names of what is right in it.

        Raises:
            Unreadable: they are not told.
        """
        bucket, prefix = self._parts()
        with _reading():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket,
                Prefix=prefix,
                Delimiter="/",
                PaginationConfig={"MaxItems": _MAX_NAMES},
            )
            keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return [key.removeprefix(prefix) for key in keys]

    def read(self, name: str) -> bytes | None:
        """Return a document below it; None where there is none, or one too large.

        Raises:
            Unreadable: it may be there.
        """
        bucket, prefix = self._parts()
        with _reading():
            response = self._get(bucket, f"{prefix}{name}")
            if response is None:
                return None
            with response["Body"] as body:
                text: bytes = body.read(MAX_DOCUMENT_BYTES + 1)
        return text if len(text) <= MAX_DOCUMENT_BYTES else None

    def relative(self, href: str) -> str | None:
        """Return the path from the folder to an absolute href, None for others."""
        inside = href.startswith(self.address)
        return href.removeprefix(self.address) if inside else None

    def _parts(self) -> tuple[str, str]:
        bucket, _, prefix = self.address.removeprefix("s3://").partition("/")
        return bucket, prefix

    def _get(self, bucket: str, key: str) -> Any:
        from botocore.exceptions import ClientError  # noqa: PLC0415 (see `open_folder`)

        try:
            return self._client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NOT_THERE:
                return None
            raise


def open_folder(address: str, environment: Mapping[str, str]) -> InS3:
    """Return the folder, seen with the variables that the operator gives the service.

    They name the server, the region and the credentials: the service's own.

    Raises:
        Unreadable: there is no way to it.
    """
    # Here, for it takes a second, and who has no such procedure needs no such package.
    import boto3  # noqa: PLC0415 (as above)
    from botocore.config import Config  # noqa: PLC0415 (as above)

    os.environ.update(environment)
    config = Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        response_checksum_validation="when_required",
    )
    with _reading():
        return InS3(address, boto3.Session().client("s3", config=config))


@contextmanager
def _reading() -> Iterator[None]:
    """Tell of trouble with S3 by its code alone: its texts quote what was signed.

    Raises:
        Unreadable: there is some.
    """
    from botocore import exceptions, parsers  # noqa: PLC0415 (see `open_folder`)
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 (as above)

    try:
        yield
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        told = code if code.isalnum() and len(code) < 64 else "no code"
        raise Unreadable(f"S3 cannot be read: {told}") from None
    except (
        exceptions.BotoCoreError,
        parsers.ResponseParserError,
        HTTPError,
        OSError,
        ValueError,
    ) as error:
        raise Unreadable(f"S3 cannot be read: {type(error).__name__}") from None
