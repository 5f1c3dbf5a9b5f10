"""URLs of requests, and what answers say of them: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import attrs

from harpcaller.adapters.places import Place, is_allowed, read_place

SCHEMES: Final = ("http", "https")
MAX_RETRY_AFTER_S: Final = 86400.0  # whoever says more has not thought of us
_SENT: Final = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces, and no backslash
_SECONDS: Final = re.compile(r"[0-9]{1,10}")
# What these tell is for the server that they were meant for.
_PERSONAL: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
# These are ours to say: what frames a request, and where it goes.
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

Headers = tuple[tuple[str, str], ...]


class NoTarget(ValueError):
    """A URL that no request can be sent to."""


@attrs.frozen(kw_only=True)
class Target:
    """Where a request goes: `path` has the query too, as it was written."""

    url: str
    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def is_beside(self, other: Target) -> bool:
        """Tell whether both are at one server."""
        return (self.scheme, self.host, self.port) == (
            other.scheme,
            other.host,
            other.port,
        )


def read_target(url: str) -> Target:
    """Return where a URL leads, if everybody would read it so.

    Raises:
        NoTarget: it is no URL of HTTP, names a user, or is unclear.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in SCHEMES or not parts.hostname:
        raise NoTarget("it is no URL of HTTP")
    if "@" in parts.netloc:
        raise NoTarget("a URL may not name a user")
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        url=url.partition("#")[0],
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port,
        path=(parts.path or "/") + query,
    )


def redirected(at: Target, location: str, allow: Iterable[Place]) -> Target | None:
    """Return where an answer sends us, None if we may not go there."""
    try:
        target = read_target(urljoin(at.url, location))
    except ValueError:
        return None
    return target if is_allowed(target.url, allow) else None


def read_places(texts: Iterable[str]) -> tuple[Place, ...]:
    """Return the places that can be read; what cannot allows nothing."""
    places = []
    for text in texts:
        try:
            places.append(read_place(text))
        except ValueError:
            continue
    return tuple(places)


def headers_for(
    target: Target, given: Iterable[tuple[str, str]], size: int
) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request with a body of so many bytes."""
    named = [(name, value) for name, value in given if name.lower() not in _OURS]
    if not any(name.lower() == "user-agent" for name, _ in named):
        named.append(("User-Agent", "harpcaller"))
    named.append(("Accept-Encoding", "identity"))  # what is unpacked has no bound
    named.append(("Content-Length", str(size)))
    headers = [("Host", target.authority), *named]
    return [(name.encode(), value.encode()) for name, value in headers]


def headers_elsewhere(given: Headers) -> Headers:
    """Return what another server may be told of headers."""
    return tuple(each for each in given if each[0].lower() not in _PERSONAL)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long an answer asks us to wait: seconds, or until a date.

    `now` is UTC seconds.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(text)
        # RFC 9110, 5.6.7: dates are in GMT, whatever they do not say.
        at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, at - now), MAX_RETRY_AFTER_S)


def _split(url: str) -> SplitResult | None:
    if not _SENT.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here: a wrong one raises
    except ValueError:
        return None
    return parts
