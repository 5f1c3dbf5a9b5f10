"""A store in memory that refuses some writes, as a disk would that is full or busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harpcaller.store import Claim, LogPage, NewJob, StoreError, Submitted, Write
from harpcaller.store.memory import MemoryStore
from protocol.job import JobId
from protocol.jsontext import JsonText
from protocol.outcome import Outcome


class RefusingStore(MemoryStore):
    """Refuses next what the lists have refusals for; then it goes on."""

    def __init__(
        self,
        *,
        ends: Sequence[StoreError] = (),
        packets: Sequence[StoreError] = (),
        takes: Sequence[StoreError] = (),
        children: Sequence[StoreError] = (),
        shared: Sequence[StoreError] = (),
        feeds: Sequence[StoreError] = (),
        reads: Sequence[StoreError] = (),
    ) -> None:
        super().__init__()
        self._takes = [*takes]
        self._ends = [*ends]
        self._packets = [*packets]
        self._children = [*children]
        self._shared = [*shared]
        self._feeds = [*feeds]
        self._reads = [*reads]

    def submit(self, job: NewJob) -> Write[Submitted]:
        """See `Store.submit`."""
        if job.parent is not None and self._children:
            return _failed(self._children.pop(0))
        return super().submit(job)

    def append(
        self, claim: Claim, first: int, packets: Sequence[JsonText]
    ) -> Write[None]:
        """See `Store.append`."""
        if self._packets:
            return _failed(self._packets.pop(0))
        return super().append(claim, first, packets)

    def take(self) -> Write[tuple[Claim, ...]]:
        """See `Store.take`."""
        if self._takes:
            return _failed(self._takes.pop(0))
        return super().take()

    def finish(
        self, claim: Claim, outcome: Outcome, first: int, last: Sequence[JsonText]
    ) -> Write[tuple[Claim, ...]]:
        """See `Store.finish`."""
        if self._ends:
            return _failed(self._ends.pop(0))
        return super().finish(claim, outcome, first, last)

    def feed(self, job_id: JobId, packets: Sequence[JsonText]) -> Write[int]:
        """See `Store.feed`."""
        if self._feeds:
            return _failed(self._feeds.pop(0))
        return super().feed(job_id, packets)

    async def read_log(
        self, job_id: JobId, since: int, *, max_packets: int, max_bytes: int
    ) -> LogPage:
        """See `Store.read_log`."""
        if self._reads:
            raise self._reads.pop(0)
        return await super().read_log(
            job_id, since, max_packets=max_packets, max_bytes=max_bytes
        )

    def put_shared(self, space: str, name: str, body: bytes | None) -> Write[None]:
        """See `Store.put_shared`."""
        if self._shared:
            return _failed(self._shared.pop(0))
        return super().put_shared(space, name, body)


def _failed(error: StoreError) -> Write[Any]:
    write: Write[Any] = Write()
    write.fail(error)
    return write
