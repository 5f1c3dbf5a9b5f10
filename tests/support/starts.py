"""What a worker's own log says of the dispatcher: who was started, when, how often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs
from logging_worker import BEGUN, CLOSED, Entry
from told import Asked

# The worker may see a close after the successor's request, if both came together.
SKEW_S = 0.5


@attrs.frozen(kw_only=True)
class Seen:
    """A job's first sign of having been started: at the worker, or by being lost."""

    at: float
    asked: Asked
    fence: int
    was_left: bool  # it was closed: the dispatcher cancelled it, or died

    def __str__(self) -> str:
        """Return what tells a stranger where to look in the worker's log."""
        return f"{self.asked.tag}/{self.fence} at {self.at:.3f}"

    def may_be_later_than(self, other: Seen) -> bool:
        """Tell whether it may have been started first, and seen second."""
        if self.fence > 1:  # its first start never came to the worker
            return True
        return self.was_left and self.at - other.at < SKEW_S


def double_starts(entries: Sequence[Entry], asked: Mapping[str, Asked]) -> list[str]:
    """Return the calls that were begun more often than their retries allow."""
    fences: dict[str, list[int]] = defaultdict(list)
    ids: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.event == BEGUN:
            fences[entry.tag].append(entry.fence)
            ids[entry.tag].add(entry.job_id)
    broken = []
    for tag, seen in fences.items():
        most = 1 + asked[tag].retries
        if len(seen) > most or seen != sorted(set(seen)) or seen[-1] > most:
            broken.append(
                f"{tag}: begun with the fences {seen}, at most {most} allowed"
            )
        if len(ids[tag]) > 1:
            broken.append(f"{tag}: begun as {sorted(ids[tag])}")
    return broken


def overtakings(
    entries: Sequence[Entry],
    asked: Mapping[str, Asked],
    lost: Iterable[tuple[float, str]] = (),
) -> list[str]:
    """Return where a queue did not start its jobs in the order of submission.

    `lost` are the jobs that ended because the dispatcher died, and when it did:
    they had been started too. Up to the queue's concurrency are on their way to the
    worker at a time, and may arrive in another order; so may one that was cancelled
    on its way and its successor, on another connection.
    """
    broken = []
    for queue, seen in _first_seen(entries, asked, lost).items():
        for position, one in enumerate(seen):
            later = [
                str(other)
                for other in seen[position + 1 :]
                if other.asked.place < one.asked.place
                and not other.may_be_later_than(one)
            ]
            if len(later) >= one.asked.concurrency:
                broken.append(f"{queue}: {one} was started before {later}")
    return broken


def crowds(entries: Sequence[Entry], asked: Mapping[str, Asked]) -> list[str]:
    """Return when a queue had more calls at the worker than its concurrency.

    A call that the dispatcher left, by a cancel or by dying, does not count.
    """
    ends = {(e.tag, e.fence): e for e in entries if e.event != BEGUN}
    running: dict[str, list[Entry]] = defaultdict(list)
    broken = []
    for entry in entries:
        call = asked[entry.tag]
        if call.queue is None:
            continue
        there = running[call.queue]
        if entry.event == BEGUN:
            there.append(entry)
            held = [
                e for e in there if not _was_left(ends.get((e.tag, e.fence)), entry)
            ]
            if len(held) > call.concurrency:
                tags = [e.tag for e in held]
                broken.append(f"{call.queue}: {tags} at once, not {call.concurrency}")
        else:
            there[:] = [
                e for e in there if (e.tag, e.fence) != (entry.tag, entry.fence)
            ]
    return broken


def begun_jobs(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the tag of every job that the worker was sent, by id."""
    return {entry.job_id: entry.tag for entry in entries if entry.event == BEGUN}


def _was_left(end: Entry | None, when: Entry) -> bool:
    return end is not None and end.event == CLOSED and end.at - when.at < SKEW_S


def _first_seen(
    entries: Sequence[Entry],
    asked: Mapping[str, Asked],
    lost: Iterable[tuple[float, str]],
) -> dict[str, list[Seen]]:
    """Return the jobs of each queue in the order in which they were started."""
    signs = [(e.at, e.tag, e.fence) for e in entries if e.event == BEGUN]
    signs += [(at, tag, 1 + asked[tag].retries) for at, tag in lost]
    signs.sort(key=lambda sign: (sign[0], asked[sign[1]].place))
    left = {(e.tag, e.fence) for e in entries if e.event == CLOSED}
    queues: dict[str, dict[str, Seen]] = defaultdict(dict)
    for at, tag, fence in signs:
        queue = asked[tag].queue
        if queue is not None:
            was_left = (tag, fence) in left
            seen = Seen(at=at, asked=asked[tag], fence=fence, was_left=was_left)
            queues[queue].setdefault(tag, seen)
    return {queue: list(seen.values()) for queue, seen in queues.items()}
