"""What an adapter's machine may ask for, and what it is told; nothing here waits."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

import attrs

from protocol.call import Call
from protocol.job import JobId
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

# ── actions: `key` is unique within the parent ──


@attrs.frozen(kw_only=True)
class Submit:
    """Have a call run; answered by Ended, also where it is refused."""

    key: str
    call: Call


@attrs.frozen(kw_only=True)
class Fetch:
    """Read a document; answered by Fetched or FetchFailed."""

    key: str
    uri: str
    max_bytes: int


@attrs.frozen(kw_only=True)
class Save:
    """Write a document; answered by Saved or SaveFailed."""

    key: str
    uri: str
    body: bytes = attrs.field(repr=False)
    metadata: Mapping[str, str] = attrs.field(factory=dict)
    replace: bool = False


@attrs.frozen(kw_only=True)
class Post:
    """Tell somebody over HTTP; answered by Posted.

    `allow` are the origins that a redirect may lead to. `file` names what is sent in
    place of `body`: where Save may write.
    """

    key: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    file: str | None = None
    allow: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Sleep:
    """Let time pass; answered by Slept. It starts anew after a restart."""

    key: str
    seconds: float


@attrs.frozen(kw_only=True)
class Cancel:
    """Give up what `key` asked for: a child still ends, all else is not answered."""

    key: str


@attrs.frozen
class Note:
    """Stream a packet of the parent's; an object must not have the key "event"."""

    packet: JsonText


@attrs.frozen
class End:
    """End the parent; what is still asked for is given up."""

    outcome: Outcome


Asked: TypeAlias = Submit | Fetch | Save | Post | Sleep
"""What is answered, once."""

Action: TypeAlias = Asked | Cancel | Note | End


# ── events: `at` is UTC seconds and never goes back; `again`, see `Machine` ──


@attrs.frozen(kw_only=True)
class Ended:
    """A call ended; without times it never began, and `outcome` says why."""

    key: str
    at: float
    again: bool = False
    job_id: JobId
    outcome: Outcome
    started_at: float | None
    ended_at: float | None


@attrs.frozen(kw_only=True)
class Fetched:
    """The document that was read."""

    key: str
    at: float
    again: bool = False
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class FetchFailed:
    """The document could not be read."""

    key: str
    at: float
    again: bool = False
    code: str
    text: str


@attrs.frozen(kw_only=True)
class Saved:
    """The document was written."""

    key: str
    at: float
    again: bool = False


@attrs.frozen(kw_only=True)
class SaveFailed:
    """The document could not be written."""

    key: str
    at: float
    again: bool = False
    code: str
    text: str


@attrs.frozen(kw_only=True)
class Posted:
    """What the other side answered: no status where it did not."""

    key: str
    at: float
    again: bool = False
    status: int | None
    retry_after_s: float | None
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Slept:
    """The time has passed."""

    key: str
    at: float
    again: bool = False


class Reason(StrEnum):
    """Why a parent is to end."""

    CLIENT = "client"
    MAX_EXEC_TIME = "max_exec_time"


@attrs.frozen(kw_only=True)
class Cancelled:
    """The parent is to End soon; nothing is submitted from now on."""

    at: float
    reason: Reason


Answer: TypeAlias = Ended | Fetched | FetchFailed | Saved | SaveFailed | Posted | Slept
Event: TypeAlias = Answer | Cancelled


class Machine(Protocol):
    """Decides what to do next, from what it was told and nothing else.

    A machine that is told the same asks for the same: no IO, clock or randomness.
    An event is told `again` if it was asked for once more after a restart.
    """

    def start(self, at: float) -> Sequence[Action]:
        """Return what to do first; `at` is when the parent began, UTC seconds."""

    def on(self, event: Event) -> Sequence[Action]:
        """Return what to do now."""


ANSWERS: Final[Mapping[type[Asked], tuple[type[Answer], ...]]] = {
    Submit: (Ended,),
    Fetch: (Fetched, FetchFailed),
    Save: (Saved, SaveFailed),
    Post: (Posted,),
    Sleep: (Slept,),
}


def child_id(parent: JobId, key: str) -> JobId:
    """Return the id of the child that a parent's Submit of `key` makes."""
    return JobId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{parent}/{key}")))
