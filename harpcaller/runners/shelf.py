"""What fed jobs that have ended had come to: kept while there is room for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from harpcaller.adapters.fed import Fed
from protocol.job import JobId

MAX_JOBS: Final = 200
MAX_PACKETS: Final = 200_000  # all of them together


class Shelf:
    """Forgets what was not asked for longest; nothing of an ended job changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[JobId, tuple[Fed, int]] = OrderedDict()
        self._packets = 0

    def find(self, job_id: JobId) -> Fed | None:
        """Return what was put there, if it still is."""
        found = self._kept.get(job_id)
        if found is None:
            return None
        self._kept.move_to_end(job_id)
        return found[0]

    def put(self, job_id: JobId, fed: Fed, packets: int) -> None:
        """Keep what `packets` were read for; more than there is room for is not."""
        if packets > MAX_PACKETS or job_id in self._kept:
            return
        self._kept[job_id] = fed, packets
        self._packets += packets
        while len(self._kept) > MAX_JOBS or self._packets > MAX_PACKETS:
            _, (_, freed) = self._kept.popitem(last=False)
            self._packets -= freed
