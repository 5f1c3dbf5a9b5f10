"""The keys of [adapters.NAME] that are the core's, and of the tables in it."""

from __future__ import annotations

import ssl
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


def read_authorities(value: Any, folder: Path) -> Path:
    """Return the path of a file of certificates that can be read."""
    path = read_file(value, folder)
    try:
        tls_context(HttpSettings(ca_file=path))
    except ssl.SSLError:
        raise ValueError("holds no certificate that can be read") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    return path


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
    "ca_file": Key("ca_file", read_authorities),
    "connect_timeout_s": Key("connect_timeout_s", duration("seconds")),
    "timeout_s": Key("timeout_s", duration("seconds")),
    "concurrency": Key("concurrency", integer(1, 1000)),
}
S3_TABLE: Final = "s3"
HTTP_TABLE: Final = "http"
CORE_NAMES: Final = frozenset({*CORE_KEYS, S3_TABLE, HTTP_TABLE})
