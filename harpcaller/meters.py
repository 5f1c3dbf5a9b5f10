"""Plain counts that the parts of the dispatcher keep of what they do.

Each part owns its own, and adds to it in less than a microsecond; whoever wants to
show them reads them when asked. Nothing that comes from outside is ever a key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from protocol import replies
from protocol.errors import OUTCOME_ERRORS, ErrorType, WireError
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

# Seconds. A commit or a connection takes some milliseconds, a job up to days.
QUICK_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LONG_S: Final = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)
BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)

WORKER_ERROR: Final = "worker_error"
"""How a job ended that failed with a word of its worker's: those are unbounded."""

ENDINGS: Final = (
    "returned",
    "raised",
    "cancelled",
    WORKER_ERROR,
    *sorted(OUTCOME_ERRORS),
)


class Histogram:
    """Counts values by the least bound that they do not exceed.

    One thread adds; another one that reads meanwhile may miss the value on its way.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count `value`."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def ending(outcome: Outcome) -> str:
    """Return the one of `ENDINGS` that stands for `outcome`."""
    match outcome:
        case Returned():
            return "returned"
        case Raised():
            return "raised"
        case Cancelled():
            return "cancelled"
        case Failed(type=word):
            return word if word in OUTCOME_ERRORS else WORKER_ERROR


class Refusals:
    """Counts the error lines that clients are sent, by type."""

    def __init__(self) -> None:
        self.counts: Counter[ErrorType] = Counter()

    def line(self, error: WireError) -> bytes:
        """Return the line that tells a client of `error`, counted."""
        self.counts[error.type] += 1
        return replies.error(error)


@attrs.define(eq=False)
class Accepts:
    """How often a connection could not be taken in: it was gone, or we had no room."""

    aborted: int = 0
    failed: int = 0


@attrs.frozen(eq=False)
class ClientMeters:
    """What listeners and sessions count."""

    accepts: Accepts = attrs.field(factory=Accepts)
    refusals: Refusals = attrs.field(factory=Refusals)


@attrs.frozen(eq=False)
class JobMeters:
    """What the dispatcher counts: from submission to start, from start to end."""

    waits_s: Histogram = attrs.field(factory=lambda: Histogram(LONG_S))
    runs_s: Histogram = attrs.field(factory=lambda: Histogram(LONG_S))
    ends: Counter[str] = attrs.field(factory=Counter)


@attrs.frozen(eq=False)
class CommitMeters:
    """What the store counts: how long its commits take, and how much shares one."""

    commits_s: Histogram = attrs.field(factory=lambda: Histogram(QUICK_S))
    batches: Histogram = attrs.field(factory=lambda: Histogram(BATCHES))


@attrs.frozen(kw_only=True)
class ReportCounts:
    """What monitors have not been told: not yet, for want of room, or refused."""

    backlog: int = 0
    dropped: int = 0
    refused: int = 0


@attrs.define(eq=False)
class WorkerMeters:
    """What the runner counts: new connections, and requests until they are heard."""

    connects_s: Histogram = attrs.field(factory=lambda: Histogram(QUICK_S))
    acks_s: Histogram = attrs.field(factory=lambda: Histogram(QUICK_S))
    reused: int = 0
    failed: int = 0
