"""Who may run: the pure rule of the queues, in counts, without ids, clock or IO.

Both engines are tested against it, and both ask it; they find the job at the head
of a queue themselves.
"""

from __future__ import annotations

import attrs

from protocol.call import QueueSpec
from protocol.jsontext import JsonText

NO_QUEUE = b""
"""The key of all jobs without a queue: they wait for room alone, oldest first."""

_KEY_BYTES = 16  # of the digest: enough that nobody finds two names of one key


def key_of(queue: QueueSpec | None) -> bytes:
    """Return what a queue is known by."""
    return NO_QUEUE if queue is None else queue.digest[:_KEY_BYTES]


@attrs.define
class Tally:
    """The jobs of one queue that have not ended, counted.

    A concurrency of None is no limit.
    """

    name: JsonText | None
    concurrency: int | None
    running: int = 0
    queued: int = 0

    @property
    def has_slot(self) -> bool:
        """Tell whether the queue would let one more run."""
        return self.concurrency is None or self.running < self.concurrency

    @property
    def is_empty(self) -> bool:
        """Tell whether the queue has no jobs, and so is gone."""
        return not self.running and not self.queued


class Admission:
    """Counts the jobs of every queue, and says who may run.

    A queue exists while it has jobs; the job that creates it fixes its
    concurrency. A pause is of its own and outlives the queue. A queue that could
    start a job is remembered as ready, so that nothing looks at all queues when
    room appears; ready queues take turns.
    """

    def __init__(self, *, max_running: int, max_queued: int) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self.running = 0
        self.queued = 0
        self.queues: dict[bytes, Tally] = {}
        self.pauses: dict[bytes, JsonText] = {}
        self._ready: dict[bytes, None] = {}  # in the order of their turns

    # ── questions ──
    def may_run(self, key: bytes) -> bool:
        """Tell whether a new job of the queue may run at once: it never overtakes."""
        if self.running >= self.max_running or key in self.pauses:
            return False
        tally = self.queues.get(key)
        return tally is None or (tally.queued == 0 and tally.has_slot)

    def may_wait(self) -> bool:
        """Tell whether one more job may wait."""
        return self.queued < self.max_queued

    def concurrency(self, queue: QueueSpec) -> int:
        """Return the concurrency in force: the creating job's, or this one's."""
        tally = self.queues.get(key_of(queue))
        if tally is None or tally.concurrency is None:
            return queue.concurrency
        return tally.concurrency

    def ready(self) -> bytes | None:
        """Return the queue whose oldest waiting job may start now, if there is one."""
        if self.running >= self.max_running:
            return None
        return next(iter(self._ready), None)

    # ── what happened ──
    def join(self, key: bytes, queue: QueueSpec | None, *, runs: bool) -> None:
        """Count a new job that runs at once or waits."""
        running, queued = (1, 0) if runs else (0, 1)
        self.restore(key, queue, running=running, queued=queued)

    def restore(
        self, key: bytes, queue: QueueSpec | None, *, running: int, queued: int
    ) -> None:
        """Add jobs that are known to run and to wait."""
        tally = self.queues.get(key)
        if tally is None:
            tally = self.queues[key] = (
                Tally(None, None)
                if queue is None
                else Tally(queue.name, queue.concurrency)
            )
        self._count(key, tally, running, queued)

    def start(self, key: bytes) -> None:
        """Count the oldest waiting job as running; the other ready queues are next."""
        self._ready.pop(key, None)
        self._count(key, self.queues[key], 1, -1)

    def end(self, key: bytes) -> None:
        """Count a running job out."""
        self._count(key, self.queues[key], -1, 0)

    def drop(self, key: bytes, count: int = 1) -> None:
        """Count waiting jobs out."""
        self._count(key, self.queues[key], 0, -count)

    def pause(self, key: bytes, name: JsonText) -> None:
        """Let no job of the queue start until `resume`."""
        self.pauses[key] = name
        self._ready.pop(key, None)

    def resume(self, key: bytes) -> None:
        """Let the jobs of the queue start again."""
        self.pauses.pop(key, None)
        if key in self.queues:
            self._note(key, self.queues[key])

    def _count(self, key: bytes, tally: Tally, running: int, queued: int) -> None:
        tally.running += running
        tally.queued += queued
        self.running += running
        self.queued += queued
        if tally.is_empty:
            del self.queues[key]
        self._note(key, tally)

    def _note(self, key: bytes, tally: Tally) -> None:
        if tally.queued and tally.has_slot and key not in self.pauses:
            self._ready.setdefault(key)
        else:
            self._ready.pop(key, None)
