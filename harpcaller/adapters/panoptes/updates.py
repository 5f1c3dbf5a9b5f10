"""What may be offered to a workflow: a message of its client's, or new names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs

from protocol.jsontext import JsonText, JsonValue, canonical, encode

MAX_JOB_ID_CHARACTERS: Final = 256
MAX_NAME_CHARACTERS: Final = 256
MAX_ARGS_BYTES: Final = 16 * 1024


@attrs.frozen(kw_only=True)
class Update:
    """One message; with a `digest` it may be told from one that was sent twice."""

    packet: JsonText
    level: str
    received: float
    digest: bytes | None


@attrs.frozen(kw_only=True)
class Rename:
    """What a client calls its workflow, and what it adds to its arguments."""

    changes: Mapping[str, JsonValue]
    received: float


def make_update(
    message: dict[str, JsonValue], stamp: Mapping[str, JsonValue], received: float
) -> Update:
    """Return an update; `stamp` holds the timestamp, if the client sent one."""
    packet: dict[str, JsonValue] = {"message": message, **stamp, "received": received}
    return Update(
        packet=encode(packet),
        level=level_of(message),
        received=received,
        digest=digest_of(message),
    )


def level_of(message: Mapping[str, JsonValue]) -> str:
    """Return how loud a message is; `info` where it does not say."""
    level = message.get("level")
    return level if isinstance(level, str) else "info"


def digest_of(message: dict[str, JsonValue]) -> bytes | None:
    """Return what is equal for the same message, None where it bears no time.

    Snakemake 8 sends each message twice, Snakemake 9 sends equal ones that are two.
    """
    at = message.get("timestamp")
    if not isinstance(at, int | float) or isinstance(at, bool):
        return None
    return hashlib.sha256(canonical(message)).digest()[:16]


def job_id_text(value: JsonValue) -> str | None:
    """Return the id of a workflow's job as text, None where it is none."""
    match value:
        case bool():
            return None
        case int():
            return str(value)
        case str() if 1 <= len(value) <= MAX_JOB_ID_CHARACTERS:
            return value
        case _:
            return None
