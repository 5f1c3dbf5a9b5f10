"""A call that was accepted: its id, its states, and what is known of it."""

from __future__ import annotations

import functools
import re
from enum import StrEnum
from typing import NewType

import attrs
import orjson

from protocol.call import QueueSpec
from protocol.jsontext import NULL, JsonText
from protocol.outcome import Outcome

JobId = NewType("JobId", str)
"""A UUID in its usual spelling, lower case."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def read_job_id(text: str) -> JobId | None:
    """Return the id that `text` spells (case does not matter), or None."""
    if _UUID.fullmatch(text):
        return JobId(text)
    lowered = text.lower()
    return JobId(lowered) if _UUID.fullmatch(lowered) else None


class State(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


#      submit                  take                      finish, settle
#   ────────────▶ queued ─────────────────▶ running ──────────────────▶ ended
#      submit, with a slot free ─────────────▲  │                         ▲
#   queued ── cancel ─────────────────────────────────────────────────────┤
#   queued ◀── lost in a crash, a retry left ───┤                         │
#              lost in a crash, none left ──────┴─────────────────────────┘
TRANSITIONS: frozenset[tuple[State | None, State]] = frozenset(
    {
        (None, State.QUEUED),
        (None, State.RUNNING),
        (State.QUEUED, State.RUNNING),
        (State.QUEUED, State.ENDED),
        (State.RUNNING, State.QUEUED),
        (State.RUNNING, State.ENDED),
    }
)


@attrs.frozen(kw_only=True)
class JobSeen:
    """A job as a watcher is told of it: `arguments` show "***" for what is sealed.

    `queue` is the name of its queue, None without one. `has_secrets` tells that
    something is sealed, which its worker may say again.
    """

    job_id: JobId
    host: str
    procedure: str
    arguments: JsonText = attrs.field(repr=False)
    queue: JsonText | None
    info: JsonText
    has_secrets: bool = False


@attrs.frozen(kw_only=True)
class JobRecord:
    """A job as the store knows it.

    Times are UTC seconds; a job that is fed from outside has an infinite `max_exec_s`,
    and its `timeout_s` is how long it may be silent. `arguments` shows "***" for what
    is sealed. `starts` counts how often it was begun; `packets` how many its log
    holds; `identity` is who submitted it, empty for clients that are nobody; `label`
    is what the adapter that carries it out calls it in lists.
    """

    job_id: JobId
    state: State
    host: str
    procedure: str
    arguments: JsonText
    timeout_s: float
    max_exec_s: float
    submitted_at: float
    started_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    queue: QueueSpec | None = None
    info: JsonText = NULL
    retries: int = 0
    starts: int = 0
    packets: int = 0
    identity: str = ""
    label: str | None = None

    @functools.cached_property
    def status_text(self) -> bytes:
        """What get_status answers: it is asked for again and again."""
        starts = b',"starts":%d' % self.starts if self.retries else b""
        return (
            b'{"call":{"host":%b,"procedure":%b,"arguments":%b},'
            b'"time":{"submit":%d,"start":%b,"end":%b},"info":%b,'
            b'"limits":{"timeout":%b,"max_exec_time":%b}%b}'
            % (
                orjson.dumps(self.host),
                orjson.dumps(self.procedure),
                self.arguments,
                self.submitted_at,
                _whole_seconds(self.started_at),
                _whole_seconds(self.ended_at),
                self.info,
                orjson.dumps(whole(self.timeout_s)),
                orjson.dumps(whole(self.max_exec_s)),
                starts,
            )
        )


def whole(seconds: float) -> float:
    """Return `seconds` as an integer where it is one: 600, not 600.0.

    No limit, which is infinite, stays so: as JSON it is null.
    """
    return int(seconds) if float(seconds).is_integer() else seconds


def _whole_seconds(at: float | None) -> bytes:
    return b"null" if at is None else b"%d" % at
