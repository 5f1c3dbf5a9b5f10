"""URIs of documents: one resolved against another, whatever the scheme."""

from __future__ import annotations

import re
from typing import Final

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PARTS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/]*)?([^?#]*)")


def resolve(base: str, href: str) -> str:
    """Return the URI that `href` means in the document at `base`.

    Paths on disk and names within a bundle resolve too; urllib knows neither those
    nor s3.
    """
    if _ABSOLUTE.match(href):
        return href
    parts: list[tuple[str, str]] = _PARTS.findall(base)
    origin, path = parts[0]
    if not href.startswith("/"):
        href = f"{path.rpartition('/')[0]}/{href}" if "/" in path else href
    return origin + _normal(href)


def is_relative(href: str) -> bool:
    """Tell whether `href` means something in its document only."""
    return not _ABSOLUTE.match(href)


def is_inside(name: str) -> bool:
    """Tell whether a name of a bundle can be a file in the bundle's own folder."""
    parts = name.split("/")
    return "\0" not in name and not {"", ".", ".."} & set(parts)


def readable(uri: str) -> str:
    """Return the URI by which a library reads it: a path on disk needs a scheme."""
    return f"file://{uri}" if uri.startswith("/") else uri


def last_part(uri: str) -> str:
    """Return the last segment of a URI's path: its query may be a secret."""
    path = uri.partition("?")[0].partition("#")[0]
    return path.rstrip("/").rpartition("/")[2]


def _normal(path: str) -> str:
    """Return a path without `.` and `..`; what leads out of it stays to be seen."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] not in {"", ".."}:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
