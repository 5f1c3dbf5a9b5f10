"""What lists and logs are read in: filters, and one page at a time."""

from __future__ import annotations

import attrs

from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText


@attrs.frozen(kw_only=True)
class LogPage:
    """Consecutive packets from the log, the first of number `first`."""

    first: int
    packets: tuple[JsonText, ...]


@attrs.frozen(kw_only=True)
class JobFilter:
    """Which jobs to list; None does not ask. `queue` is a canonical name."""

    state: State | None = None
    host: str | None = None
    procedure: str | None = None
    queue: JsonText | None = None
    label: str | None = None
    parent: JobId | None = None
    submitted_before: float | None = None
    submitted_after: float | None = None
    id_part: str | None = None


@attrs.frozen(kw_only=True)
class FedFilter:
    """Which jobs that are fed to list; None does not ask."""

    host: str
    identity: str | None = None
    label: str | None = None


@attrs.frozen(kw_only=True)
class JobPage:
    """Jobs, oldest first; `after` continues the list, None at its end."""

    jobs: tuple[JobRecord, ...]
    after: str | None


@attrs.frozen(kw_only=True)
class QueueHead:
    """A queue at one instant."""

    name: JsonText
    concurrency: int
    is_paused: bool
    running: tuple[JobId, ...]
    queued: int


@attrs.frozen(kw_only=True)
class QueuePage:
    """Queues in the order of their names' digests; `after` continues the list."""

    queues: tuple[QueueHead, ...]
    after: str | None
