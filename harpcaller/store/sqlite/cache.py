"""The jobs that were asked for or changed last, kept in memory within bounds."""

from __future__ import annotations

from collections import OrderedDict

from protocol.job import JobId, JobRecord, State
from protocol.outcome import Cancelled, Failed, Raised, Returned

_LARGEST_BYTES = 64 * 1024
_RECORD_BYTES = 600  # what a record costs before its texts


class RecordCache:
    """Records by id; the one that was not asked for longest leaves first."""

    def __init__(self, *, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._room = max_bytes
        self._records: OrderedDict[JobId, tuple[JobRecord, int]] = OrderedDict()

    def get(self, job_id: JobId) -> JobRecord | None:
        """Return the record, if it is here."""
        found = self._records.get(job_id)
        if found is None:
            return None
        self._records.move_to_end(job_id)
        return found[0]

    def put(self, record: JobRecord) -> None:
        """Keep what is known of a job, unless something newer is known."""
        found = self._records.get(record.job_id)
        if found is not None and not _is_newer(record, found[0]):
            return
        self.forget(record.job_id)
        size = _size(record)
        if size > _LARGEST_BYTES:
            return
        self._records[record.job_id] = record, size
        self._room -= size
        while self._room < 0 or len(self._records) > self._max_records:
            _, (_, freed) = self._records.popitem(last=False)
            self._room += freed

    def forget(self, job_id: JobId) -> None:
        """Keep nothing of a job."""
        found = self._records.pop(job_id, None)
        if found is not None:
            self._room += found[1]


def _is_newer(record: JobRecord, than: JobRecord) -> bool:
    # A reader may see a commit before its news arrive here, and those of older ones.
    return than.state is not State.ENDED and (record.starts, record.packets) >= (
        than.starts,
        than.packets,
    )


def _size(record: JobRecord) -> int:
    # Arguments and info twice: the text of its status holds them too, once asked for.
    size = _RECORD_BYTES + 2 * (len(record.arguments) + len(record.info))
    if record.queue is not None:
        size += len(record.queue.name)
    match record.outcome:
        case Returned(value):
            size += len(value)
        case Raised() | Failed() as complaint:
            size += len(complaint.message) + len(complaint.data or b"")
        case Cancelled() | None:
            pass
    return size
