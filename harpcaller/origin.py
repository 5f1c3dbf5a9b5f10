"""Where web pages come from, as browsers say it; RFC 6454, Fetch Metadata."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

FOREIGN_SITES: Final = frozenset({b"cross-site", b"same-site"})
"""What `Sec-Fetch-Site` says of a request that a page of somebody else makes."""


def origin_of(url: str) -> str:
    """Return the origin of a URL, as browsers write it."""
    parts = urlsplit(url.lower())
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
