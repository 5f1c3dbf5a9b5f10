"""Lists of places on the network and on disk, compared part by part, never as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

_PORTS: Final = {"http": 80, "https": 443}
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:")
# What readers of URLs disagree on: some drop it, some take it for a slash.
_UNSURE: Final = re.compile(r"[\x00-\x20\x7f\\]")
_ANY_PORT: Final = ":*"


@attrs.frozen(kw_only=True)
class Place:
    """A scheme, or one origin of it, or what is below a path there."""

    scheme: str
    host: str | None = None  # None is every host
    port: int | None = None  # None is every port
    path: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that `read_place` reads."""
        if self.host is None:
            return f"{self.scheme}:"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        if self.port is None and self.scheme in _PORTS:
            port = _ANY_PORT
        return f"{self.scheme}://{host}{port}/{'/'.join(self.path)}"

    @property
    def folder(self) -> str | None:
        """The directory of this machine that it is, None where it is none."""
        if self.scheme != "file" or self.host:
            return None
        return "/" + "/".join(self.path)


@attrs.frozen(kw_only=True)
class Places:
    """Where an adapter's machines may read and write documents, S3 aside.

    `work_dir` is a directory of this machine, in which each of its jobs has a folder
    that is named by the job's id; `work_group` may read and write there too.
    """

    read: tuple[Place, ...] = ()
    work_dir: str | None = None
    work_group: str | None = None


def read_place(text: str) -> Place:
    """Return the place that a setting names: `s3:`, `http://host:*`, `file:///dir/`.

    Raises:
        ValueError: it names none.
    """
    if _SCHEME.fullmatch(text):
        return Place(scheme=text[:-1])
    any_port = _ANY_PORT in text
    parts = _split(text.replace(_ANY_PORT, "", 1))
    if parts is None or "//" not in text or not (parts.hostname or parts.path):
        raise ValueError(f'"{text}" is no scheme ("s3:") and no origin')
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f'"{text}" has more than an origin and a path')
    return Place(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=None if any_port else _port(parts),
        path=_segments(parts.path),
    )


def is_allowed(url: str, places: Iterable[Place]) -> bool:
    """Tell whether `url` is at one of the places; one with a user name never is."""
    parts = _split(url)
    if parts is None or "@" in parts.netloc:
        return False
    path = _segments(parts.path)
    if ".." in path:
        return False
    return any(_is_within(parts, path, place) for place in places)


def host_of(url: str) -> str:
    """Return what may be said of a URL that is refused: its host, or its scheme."""
    parts = _split(url)
    if parts is None:
        return "no URL"
    return parts.hostname or f"{parts.scheme}:"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as `allow` of a Post wants it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL that means the same to everybody, else None."""
    if _UNSURE.search(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here: a wrong one raises
    except ValueError:
        return None
    return parts if parts.scheme else None


def _port(parts: SplitResult) -> int | None:
    return _PORTS.get(parts.scheme) if parts.port is None else parts.port


def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in unquote(path).split("/") if part not in {"", "."})


def _is_within(parts: SplitResult, path: tuple[str, ...], place: Place) -> bool:
    if parts.scheme != place.scheme:
        return False
    if place.host is None:
        return True
    if (parts.hostname or "") != place.host:
        return False
    if place.port is not None and _port(parts) != place.port:
        return False
    return path[: len(place.path)] == place.path
