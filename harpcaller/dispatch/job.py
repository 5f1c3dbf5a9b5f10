"""The live job: what its readers see of it, and the event that wakes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import attrs
import trio

from protocol import replies
from protocol.job import JobId, JobRecord
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

MAX_TAIL_BYTES = 256 * 1024


@attrs.define(eq=False)
class Job:
    """A job that runs, or that somebody waits for.

    `packets` and `outcome` are what is durable. Readers hold a position and look
    here; they own no buffer. Only the dispatcher changes a Job.
    """

    job_id: JobId
    packets: int = 0
    outcome: Outcome | None = None
    readers: int = 0
    tell_packets: Callable[[Sequence[JsonText]], None] | None = None
    _changed: trio.Event | None = None
    _tail: deque[tuple[int, int, bytes]] = attrs.field(factory=deque)  # first, end
    _tail_bytes: int = 0

    def changed(self) -> trio.Event:
        """Return the event that the next change sets; take it, then look, then wait."""
        if self._changed is None:
            self._changed = trio.Event()
        return self._changed

    def see(self, record: JobRecord) -> None:
        """Catch up with what the store knows."""
        self.packets = max(self.packets, record.packets)
        if self.outcome is None:
            self.outcome = record.outcome

    def keep(self, first: int, texts: Sequence[JsonText]) -> None:
        """Take packets that have become durable, for those who read now."""
        end = first + len(texts)
        self.packets = max(self.packets, end)
        if self.tell_packets is not None and texts:
            self.tell_packets(texts)
        if self.readers and texts:
            lines = replies.packets(first, texts)
            self._tail.append((first, end, lines))
            self._tail_bytes += len(lines)
            while self._tail_bytes > MAX_TAIL_BYTES and len(self._tail) > 1:
                self._tail_bytes -= len(self._tail.popleft()[2])
        self.wake()

    def end(self, outcome: Outcome) -> None:
        """Take the outcome that has become durable."""
        self.outcome = outcome
        self.wake()

    def wake(self) -> None:
        """Let every reader look again."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def forget_tail(self) -> None:
        """Give back the memory of the tail; readers find it in the store."""
        self._tail.clear()
        self._tail_bytes = 0

    def lines_from(self, position: int) -> tuple[int, bytes] | None:
        """Return the position behind, and the lines of, the next packets in memory.

        None where they are older than the tail.
        """
        for first, end, lines in self._tail:
            if first <= position < end:
                return end, _without(lines, position - first)
        return None


@attrs.define(eq=False)
class Follower:
    """Where somebody who follows a job has got to."""

    job: Job
    position: int

    @property
    def lag(self) -> int:
        """How many durable packets it has not been sent."""
        return max(0, self.job.packets - self.position)


def _without(lines: bytes, count: int) -> bytes:
    """Return `lines` but for the first `count` of them."""
    start = 0
    for _ in range(count):
        start = lines.index(b"\n", start) + 1
    return lines[start:] if start else lines
