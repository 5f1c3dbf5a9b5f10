"""How a monitor is spoken to, and what its answers mean: two dialects of one thing.

m1 is the specification's; legacy is what Snakemake and panoptes-ui speak.
"""

from __future__ import annotations

from enum import Enum
from typing import Final
from urllib.parse import urlencode, urljoin

import attrs

from harpcaller.adapters.panoptes.reporting_messages import Message
from protocol.errors import WireError
from protocol.jsontext import JsonValue, decode, encode

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_ONCE: Final = frozenset({301, 307, 308})
_FOR_GOOD: Final = 302
_BUSY: Final = frozenset({408, 429})


class Dialect(Enum):
    """What a monitor understands."""

    M1 = "m1"
    LEGACY = "legacy"


@attrs.frozen(kw_only=True)
class Asked:
    """A request to a monitor; `path` is below where its dialect begins."""

    method: str
    path: str
    content_type: str | None = None
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen(kw_only=True)
class Created:
    """A workflow of the monitor's: its id there, and where it can be looked at."""

    id: str
    location: str | None


class Verdict(Enum):
    """What an answer to an update means."""

    TAKEN = "taken"
    AGAIN = "again"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@attrs.frozen(kw_only=True)
class Hop:
    """Where an answer sends a request; `is_for_good` for all that follow, too."""

    url: str
    is_for_good: bool


PROBES: Final[dict[Dialect, Asked]] = {
    Dialect.M1: Asked(method="GET", path=""),
    Dialect.LEGACY: Asked(method="GET", path="api/service-info"),
}


def beginning(url: str, dialect: Dialect) -> str:
    """Return where a dialect begins at a monitor's URL."""
    base = url if url.endswith("/") else f"{url}/"
    return f"{base}m1/" if dialect is Dialect.M1 else base


def is_running(dialect: Dialect, status: int, body: bytes) -> bool:
    """Tell whether a probe found the dialect; many servers answer 200 to anything."""
    told = _object(body)
    if status != 200 or told is None:
        return False
    if dialect is Dialect.LEGACY:
        return told.get("status") == "running"
    return isinstance(told.get("status"), str) and isinstance(told.get("version"), str)


def creation(dialect: Dialect, name: str) -> Asked:
    """Return the request for a new workflow."""
    if dialect is Dialect.M1:
        body = encode({"name": name})
        return Asked(
            method="POST", path="workflow/create/", content_type=JSON, body=body
        )
    query = urlencode({"workflow_id": name})
    return Asked(method="GET", path=f"create_workflow?{query}")


def created(
    dialect: Dialect, status: int, body: bytes, location: str | None
) -> Created | None:
    """Return the workflow that an answer names, if there is one now."""
    expected = 201 if dialect is Dialect.M1 else 200
    told = _object(body)
    if status != expected or told is None:
        return None
    found = told.get("id")
    if dialect is Dialect.LEGACY and type(found) is int:
        found = str(found)
    if not isinstance(found, str) or not found:
        return None
    return Created(id=found, location=location)


def update(dialect: Dialect, id_: str, message: Message) -> Asked:
    """Return the request that tells a message."""
    if dialect is Dialect.M1:
        whole: dict[str, JsonValue] = {
            "message": message.for_m1(),
            "timestamp": message.at,
            "id": id_,
        }
        return Asked(
            method="POST",
            path="workflow/update/",
            content_type=JSON,
            body=encode(whole),
        )
    told = encode(message.for_legacy()).decode()
    form = urlencode({"msg": told, "timestamp": str(message.at), "id": id_})
    return Asked(
        method="POST",
        path="update_workflow_status",
        content_type=FORM,
        body=form.encode(),
    )


def verdict_of(status: int) -> Verdict:
    """Return what an answer to an update means."""
    if status in {200, 202}:
        return Verdict.TAKEN
    if status in {404, 410}:
        return Verdict.UNKNOWN
    if status in _BUSY or status >= 500:
        return Verdict.AGAIN
    return Verdict.REFUSED


def hop(url: str, status: int, location: str | None) -> Hop | None:
    """Return where an answer to a request to `url` sends it, if it does.

    302 moves all further requests, as the specification has it; HTTP means less.
    """
    if location is None or status not in {*_ONCE, _FOR_GOOD}:
        return None
    return Hop(url=urljoin(url, location), is_for_good=status == _FOR_GOOD)


def is_redirect(status: int) -> bool:
    """Tell whether an answer sends the request elsewhere."""
    return status in _ONCE or status == _FOR_GOOD


def _object(body: bytes) -> dict[str, JsonValue] | None:
    try:
        value = decode(body)
    except WireError:
        return None
    return value if isinstance(value, dict) else None
