"""Jobs that nobody runs: what they have come to is read from what they were fed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import attrs

from harpcaller.roles import Role
from protocol.job import JobId, JobRecord
from protocol.jsontext import JsonText
from protocol.outcome import Outcome


@attrs.frozen(kw_only=True)
class Taken:
    """What becomes of something that was offered: its packets, and a word for it.

    `is_accepted` tells whether its sender has shown that the job is alive.
    """

    word: str
    is_accepted: bool
    packets: tuple[JsonText, ...] = ()


@attrs.frozen(kw_only=True)
class Due:
    """How a job ends once it has been silent for so many seconds."""

    after_s: float
    outcome: Outcome


class Fed(Protocol):
    """What one job has come to; pure, and made anew from its log at any time.

    What is kept of an offer is told by `take` once it is durable. Two offers may be
    made before that.
    """

    def offer(self, offered: Any, settings: Any) -> Taken:
        """Return what is to be kept; without packets nothing is new in it."""

    def take(self, packet: JsonText) -> None:
        """Take the next packet of the log."""

    def due(self, settings: Any) -> Due:
        """Return when and how it ends if nothing more comes."""

    def pace(self, settings: Any) -> float:
        """Return how many offers a second are taken without a wait."""


class Feeding(Protocol):
    """What a route may do with the fed jobs of its adapter, for who asks.

    Each raises WireError for what he may not do, and for jobs of others.
    """

    @property
    def live_count(self) -> int:
        """How many fed jobs there are that have not ended."""

    async def look(self, job_id: JobId, role: Role) -> tuple[JobRecord, Fed]:
        """Return a job and what it has come to; `role` is what it is looked at for."""

    async def offer(self, job_id: JobId, offered: Any) -> str | None:
        """Return the word for what became of an offer, None if the job has ended.

        It is durable then.
        """

    async def cancel(self, job_id: JobId) -> bool:
        """End a job; tell whether it was this that ended it."""

    async def remove(self, job_id: JobId) -> bool:
        """Forget a job that has ended."""

    async def recent(self, before: JobId | None, limit: int) -> Sequence[JobId]:
        """Return up to `limit` that may be read, newest first, made before one."""

    async def labelled(self, label: str) -> JobId | None:
        """Return the newest that bears a label, whether it may be read or not."""
