"""Who may run: the pure rule of queues and rooms, in counts, without ids, clock or IO.

Both engines are tested against it, and both ask it; they find the job at the head
of a queue themselves.
"""

from __future__ import annotations

from enum import IntEnum

import attrs

from protocol.call import QueueSpec
from protocol.jsontext import JsonText

NO_QUEUE = b""
"""The key of all jobs without a queue: they wait for room alone, oldest first."""

_KEY_BYTES = 16  # of the digest: enough that nobody finds two names of one key


def key_of(queue: QueueSpec | None) -> bytes:
    """Return what a queue is known by."""
    return NO_QUEUE if queue is None else queue.digest[:_KEY_BYTES]


class Kind(IntEnum):
    """Whose room a job needs: each has its own, as one kind may wait for another."""

    PLAIN = 0  # it waits for no other job
    JOURNALLED = 1  # a parent, which waits for its children
    FED = 2  # fed from outside: it needs no room, and never waits


_KINDS = tuple(Kind)


@attrs.define
class Tally:
    """The jobs of one queue that have not ended, counted; those that wait by kind.

    A concurrency of None is no limit.
    """

    name: JsonText | None
    concurrency: int | None
    running: int = 0
    waiting: list[int] = attrs.field(factory=lambda: [0 for _ in _KINDS])

    @property
    def queued(self) -> int:
        """How many wait, of either kind."""
        return sum(self.waiting)

    @property
    def has_slot(self) -> bool:
        """Tell whether the queue would let one more run."""
        return self.concurrency is None or self.running < self.concurrency


class Admission:
    """Counts the jobs of every queue, and says who may run.

    A queue exists while it has jobs; the job that creates it fixes its
    concurrency, which holds for both kinds together. A pause is of its own and
    outlives the queue. At most `max_running` jobs of each kind run; those that are
    fed run always, in no queue.

    Of a queue the oldest goes first. Where it waits for the room of its kind, it
    does not keep the other kind's back: they might be what it waits for.

    A queue that could start a job of a kind is remembered as ready, so that nothing
    looks at all queues when room appears; ready queues take turns.
    """

    def __init__(self, *, max_running: int, max_queued: int) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self.queued = 0
        self.queues: dict[bytes, Tally] = {}
        self.pauses: dict[bytes, JsonText] = {}
        self._running = [0 for _ in _KINDS]
        # By kind, each in the order of their turns
        self._ready: list[dict[bytes, None]] = [{} for _ in _KINDS]

    @property
    def running(self) -> int:
        """How many run, of either kind."""
        return sum(self._running)

    # ── questions ──
    def may_run(self, key: bytes, kind: Kind) -> bool:
        """Tell whether a new job of the queue may run at once: it never overtakes."""
        if kind is Kind.FED:
            return True
        if not self._has_room(kind) or key in self.pauses:
            return False
        tally = self.queues.get(key)
        return tally is None or (tally.has_slot and not self._somebody_is_next(tally))

    def may_wait(self) -> bool:
        """Tell whether one more job may wait."""
        return self.queued < self.max_queued

    def concurrency(self, queue: QueueSpec) -> int:
        """Return the concurrency in force: the creating job's, or this one's."""
        tally = self.queues.get(key_of(queue))
        if tally is None or tally.concurrency is None:
            return queue.concurrency
        return tally.concurrency

    def ready(self) -> tuple[bytes, tuple[Kind, ...]] | None:
        """Return a queue that may start a job now, and the kinds that have room.

        The oldest job of these kinds that waits in the queue is the one to start.
        """
        for kind in _KINDS:
            if self._ready[kind] and self._has_room(kind):
                key = next(iter(self._ready[kind]))
                return key, tuple(k for k in _KINDS if self._may_start(key, k))
        return None

    # ── what happened ──
    def join(
        self, key: bytes, queue: QueueSpec | None, kind: Kind, *, runs: bool
    ) -> None:
        """Count a new job that runs at once or waits."""
        running, queued = (1, 0) if runs else (0, 1)
        self.restore(key, queue, kind, running=running, queued=queued)

    def restore(
        self,
        key: bytes,
        queue: QueueSpec | None,
        kind: Kind,
        *,
        running: int,
        queued: int,
    ) -> None:
        """Add jobs of a kind that are known to run and to wait."""
        tally = self.queues.get(key)
        if tally is None:
            tally = self.queues[key] = (
                Tally(None, None)
                if queue is None
                else Tally(queue.name, queue.concurrency)
            )
        self._count(key, tally, kind, running, queued)

    def start(self, key: bytes, kind: Kind) -> None:
        """Count a waiting job as running; the other ready queues are next."""
        for ready in self._ready:
            ready.pop(key, None)
        self._count(key, self.queues[key], kind, 1, -1)

    def end(self, key: bytes, kind: Kind) -> None:
        """Count a running job out."""
        self._count(key, self.queues[key], kind, -1, 0)

    def drop(self, key: bytes, kind: Kind) -> None:
        """Count a waiting job out."""
        self._count(key, self.queues[key], kind, 0, -1)

    def pause(self, key: bytes, name: JsonText) -> None:
        """Let no job of the queue start until `resume`."""
        self.pauses[key] = name
        for ready in self._ready:
            ready.pop(key, None)

    def resume(self, key: bytes) -> None:
        """Let the jobs of the queue start again."""
        self.pauses.pop(key, None)
        if key in self.queues:
            self._note(key, self.queues[key])

    def _has_room(self, kind: Kind) -> bool:
        return self._running[kind] < self.max_running

    def _may_start(self, key: bytes, kind: Kind) -> bool:
        return key in self._ready[kind] and self._has_room(kind)

    def _somebody_is_next(self, tally: Tally) -> bool:
        return any(tally.waiting[kind] and self._has_room(kind) for kind in _KINDS)

    def _count(
        self, key: bytes, tally: Tally, kind: Kind, running: int, queued: int
    ) -> None:
        tally.running += running
        tally.waiting[kind] += queued
        self._running[kind] += running
        self.queued += queued
        if any(tally.waiting):
            self._note(key, tally)
            return
        for ready in self._ready:
            ready.pop(key, None)
        if not tally.running:
            del self.queues[key]

    def _note(self, key: bytes, tally: Tally) -> None:
        is_open = tally.has_slot and key not in self.pauses
        for kind in _KINDS:
            if is_open and tally.waiting[kind]:
                self._ready[kind].setdefault(key)
            else:
                self._ready[kind].pop(key, None)
