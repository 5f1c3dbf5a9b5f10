"""The keys of [adapters.NAME] that are the core's, and of the tables in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from harpcaller.config.keys import (
    Key,
    duration,
    integer,
    read_file,
    read_string,
    read_url,
)
from harpcaller.runners.outside.http_messages import HttpSettings, tls_context

_MAX_PEM_BYTES: Final = 4 * 1024 * 1024


def read_authorities(value: Any, folder: Path) -> str:
    """Return the certificates in a file, as PEM."""
    path = read_file(value, folder)
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_PEM_BYTES).decode("ascii", errors="ignore")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    tls_context(HttpSettings(authorities=pem))  # complains if there is none in it
    return pem


CORE_KEYS: dict[str, Key] = {
    "cancel_grace_s": Key("cancel_grace_s", duration("seconds", may_be_none=True)),
}
S3_KEYS: dict[str, Key] = {
    "endpoint_url": Key("endpoint_url", read_url),
    "region": Key("region", read_string),
    "profile": Key("profile", read_string),
    "connect_timeout_s": Key("connect_timeout_s", duration("seconds")),
    "read_timeout_s": Key("read_timeout_s", duration("seconds")),
    "attempts": Key("attempts", integer(1, 100)),
    "concurrency": Key("concurrency", integer(1, 1000)),
}
ADAPTER_HTTP_KEYS: dict[str, Key] = {
    "ca_file": Key("authorities", read_authorities),
    "connect_timeout_s": Key("connect_timeout_s", duration("seconds")),
    "timeout_s": Key("timeout_s", duration("seconds")),
    "attempts": Key("attempts", integer(1, 100)),
    "concurrency": Key("concurrency", integer(1, 1000)),
}
S3_TABLE: Final = "s3"
HTTP_TABLE: Final = "http"
CORE_NAMES: Final = frozenset({*CORE_KEYS, S3_TABLE, HTTP_TABLE})
