"""What the answer of a service by HTTP means: pure."""

from __future__ import annotations

import mimetypes
import re
from urllib.parse import urljoin

import attrs

from harpcaller.worker.harmony.categories import Forbidden, NoRetry, Server

MAX_TEXT_CHARACTERS = 4096
_MAX_NAME_BYTES = 200
_REACHABLE = re.compile(r"(https?|s3)://[^\s/]+", re.IGNORECASE)
_UNUSUAL = re.compile(r"[\x00-\x1f\x7f]")


@attrs.frozen
class Elsewhere:
    """The result is at another place."""

    href: str


def judge(status: int, url: str, location: str | None, text: str) -> Elsewhere | None:
    """Return where the result is, None if it is the body; `text` is its beginning.

    Raises:
        Forbidden, NoRetry, Server: there is none.
    """
    if status == 202:
        raise NoRetry("the service answers later (202), by a callback that we have not")
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Elsewhere(_href(url, location, status))
    told = text.strip()[:MAX_TEXT_CHARACTERS] or f"the service answered {status}"
    if status == 403:
        raise Forbidden(told)
    if 400 <= status < 500:
        raise NoRetry(told)
    raise Server(told)


def file_name(told: str | None, unit: str, mime: str | None) -> str:
    """Return the name for a result: as the service says, if that can be a name."""
    name = _UNUSUAL.sub("", told or "").replace("\\", "/").rpartition("/")[2]
    name = name.lstrip(".").encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    return name or unit + (mimetypes.guess_extension(mime or "") or "")


def _href(url: str, location: str | None, status: int) -> str:
    href = urljoin(url, location) if location else ""
    if not _REACHABLE.match(href):
        raise NoRetry(f"the service answered {status}, and leads to no result")
    return href
