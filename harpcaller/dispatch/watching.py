"""What becomes of jobs, for whoever watches in this process; no job waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
import trio

from harpcaller.store import Claim, NewJob, Submitted, Write
from protocol.job import JobId, JobSeen
from protocol.jsontext import JsonText
from protocol.outcome import Outcome


@attrs.frozen
class JobSubmitted:
    """It is kept, and may wait."""

    job: JobSeen


@attrs.frozen
class JobStarted:
    """It runs, maybe again."""

    job: JobSeen


@attrs.frozen
class JobStreamed:
    """Packets of it are kept."""

    job_id: JobId
    texts: Sequence[JsonText] = attrs.field(repr=False)


@attrs.frozen
class JobEnded:
    """Its outcome is kept."""

    job_id: JobId
    outcome: Outcome = attrs.field(repr=False)


JobEvent: TypeAlias = JobSubmitted | JobStarted | JobStreamed | JobEnded
TellPackets: TypeAlias = Callable[[Sequence[JsonText]], None]


class Watch:
    """What one watcher has not looked at yet: bounded, but for the ends of jobs.

    Those are as many as the jobs that it was told of.
    """

    def __init__(self, max_events: int, *, with_packets: bool) -> None:
        self.with_packets = with_packets
        self.lost = 0
        self._max_events = max_events
        self._events: deque[JobEvent] = deque()
        self._told = trio.Event()

    def tell(self, event: JobEvent) -> None:
        """Add an event, unless there are too many."""
        if len(self._events) >= self._max_events and not isinstance(event, JobEnded):
            self.lost += 1
            return
        self._events.append(event)
        self._told.set()

    async def wait(self) -> None:
        """Return once there is an event."""
        while not self._events:
            self._told = trio.Event()
            await self._told.wait()

    def take(self, most: int | None = None) -> list[JobEvent]:
        """Return the oldest events that were not taken yet: all, or up to `most`."""
        count = len(self._events) if most is None else min(most, len(self._events))
        return [self._events.popleft() for _ in range(count)]


class Feed:
    """Owns the list of those who watch; costs a look at it where there is none."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._are_packets_wanted = False

    def watch(self, max_events: int, *, with_packets: bool = False) -> Watch:
        """Return what is told from now on."""
        watch = Watch(max_events, with_packets=with_packets)
        self._watches.append(watch)
        self._are_packets_wanted |= with_packets
        return watch

    def forget(self, watch: Watch) -> None:
        """Tell `watch` nothing more."""
        self._watches.remove(watch)
        self._are_packets_wanted = any(one.with_packets for one in self._watches)

    def submitted(self, new: NewJob, write: Write[Submitted]) -> None:
        """Tell of a job once it is kept, unless it was before."""
        if self._watches:
            write.when_done(lambda kept: self._submitted(new, kept))

    def started(self, claim: Claim) -> TellPackets | None:
        """Tell that a job runs; return what tells of its packets, if anybody asks."""
        if self._watches:
            self._tell(JobStarted(_claimed(claim)))
        if not self._are_packets_wanted:
            return None
        return lambda texts: self._streamed(claim.job_id, texts)

    def ended(self, job_id: JobId, outcome: Outcome) -> None:
        """Tell how a job ended."""
        if self._watches:
            self._tell(JobEnded(job_id, outcome))

    def _submitted(self, new: NewJob, kept: Write[Submitted]) -> None:
        if kept.error is None and not kept.result().is_duplicate:
            self._tell(JobSubmitted(_new(new)))

    def _streamed(self, job_id: JobId, texts: Sequence[JsonText]) -> None:
        for watch in self._watches:
            if watch.with_packets:
                watch.tell(JobStreamed(job_id, texts))

    def _tell(self, event: JobEvent) -> None:
        for watch in self._watches:
            watch.tell(event)


def _new(new: NewJob) -> JobSeen:
    call = new.call
    return JobSeen(
        job_id=new.job_id,
        host=call.host,
        procedure=call.procedure,
        arguments=call.arguments,
        queue=None if call.queue is None else call.queue.name,
        info=call.info,
        has_secrets=bool(call.sealed),
    )


def _claimed(claim: Claim) -> JobSeen:
    record = claim.record
    return JobSeen(
        job_id=record.job_id,
        host=record.host,
        procedure=record.procedure,
        arguments=record.arguments,
        queue=None if record.queue is None else record.queue.name,
        info=record.info,
        has_secrets=bool(claim.sealed),
    )
