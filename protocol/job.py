"""A call that was accepted: its id, its states, and what is known of it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NewType

import attrs

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
class JobRecord:
    """A job as the store knows it.

    Times are UTC seconds. `arguments` shows "***" for what is sealed. `starts`
    counts how often it was begun; `packets` how many its log holds.
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
