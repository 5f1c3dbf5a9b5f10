"""Jobs as people look for them: by part of an id, in pages, as text to read."""

from __future__ import annotations

import bisect
import string
from collections.abc import Sequence

import attrs

from harpcaller.store import JobFilter, JobPage, QueueHead, QueuePage, Store
from protocol import replies
from protocol.errors import ErrorType, WireError
from protocol.job import JobRecord, State, read_job_id
from protocol.jsontext import NULL, JsonText, JsonValue, encode
from protocol.outcome import Failed, Raised

_PAGE_BYTES = 1024 * 1024
_LOT = 8  # jobs read at once: each may carry a line's length
_ID_CHARACTERS = frozenset(string.hexdigits + "-")


async def find(store: Store, text: str, limit: int) -> Sequence[JobRecord]:
    """Return up to `limit` jobs whose id is `text`, else begins so, else contains it.

    A beginning is found by an index; for another part all ids are looked at.
    """
    if (job_id := read_job_id(text)) is not None:
        record = await store.get(job_id)
        return [] if record is None else [record]
    if not _ID_CHARACTERS.issuperset(text):
        return []
    if found := await store.find(text, limit):
        return found
    page = await store.jobs(JobFilter(id_part=text.lower()), None, limit)
    return page.jobs


async def read_live_page(
    store: Store, where: JobFilter, after: str | None, limit: int
) -> JobPage:
    """Return a page of the jobs that wait, or after those, of those that run.

    In this order a job that starts meanwhile is seen twice rather than never.

    Raises:
        WireError: `after` is no page's end.
    """
    state, _, rest = (after or State.QUEUED).partition(":")
    if state not in {State.QUEUED, State.RUNNING}:
        raise no_page()
    where = attrs.evolve(where, state=State(state))
    page = await read_page(store, where, rest or None, limit)
    if page.after is not None:
        return attrs.evolve(page, after=f"{state}:{page.after}")
    if state == State.QUEUED:
        return attrs.evolve(page, after=State.RUNNING.value)
    return page


async def read_page(
    store: Store, where: JobFilter, after: str | None, limit: int
) -> JobPage:
    """Return a page bounded by `limit` and by the size of what jobs carry.

    Raises:
        WireError: `after` is no page's end.
    """
    found: list[JobRecord] = []
    size = 0
    while len(found) < limit and size < _PAGE_BYTES:
        lot = await _read_lot(store, where, after, min(limit - len(found), _LOT))
        found += lot.jobs
        size += sum(len(job.arguments) + len(job.info) for job in lot.jobs)
        after = lot.after
        if after is None:
            break
    return JobPage(jobs=tuple(found), after=after)


async def _read_lot(
    store: Store, where: JobFilter, after: str | None, limit: int
) -> JobPage:
    try:
        return await store.jobs(where, after, limit)
    except (ValueError, OverflowError):
        raise no_page() from None


async def read_queues(store: Store, after: str | None, limit: int) -> QueuePage:
    """Return a page of the queues that have jobs, and of pauses without.

    Raises:
        WireError: `after` is no page's end.
    """
    try:
        return await store.queues(after, limit)
    except ValueError:
        raise no_page() from None


def no_page() -> WireError:
    """Return the complaint about a place in a list that no reply told."""
    return WireError(ErrorType.INVALID_REQUEST, 'field "after": no page ended there')


def job_text(job: JobRecord) -> JsonText:
    """Return what was called and when, as an object; its label, if it has one."""
    status = replies.status(job).rstrip(b"\n")
    opening = b'{"job":"%b","state":"%b",' % (job.job_id.encode(), job.state.encode())
    if job.label is not None:
        opening += b'"label":%b,' % encode(job.label)
    return JsonText(opening + status[1:])


def queue_text(queue: QueueHead) -> JsonText:
    """Return what is known of a queue, as an object."""
    more: dict[str, JsonValue] = {
        "concurrency": queue.concurrency,
        "paused": queue.is_paused,
        "running": list(queue.running),
        "queued": queue.queued,
    }
    return JsonText(b'{"queue":' + queue.name + b"," + encode(more)[1:])


def page_of_hosts(
    hosts: Sequence[dict[str, JsonValue]], after: str | None, limit: int
) -> tuple[Sequence[dict[str, JsonValue]], str | None]:
    """Return hosts behind the name `after`, and the name where the page ends.

    That one is None where nothing follows. `hosts` are sorted by `hostname`.
    """
    names = [str(host["hostname"]) for host in hosts]
    start = bisect.bisect_right(names, after or "")
    end = start + limit
    return hosts[start:end], names[end - 1] if end < len(hosts) else None


def info_text(job: JobRecord) -> JsonText:
    """Return what is known of a job but for what it returned, as an object."""
    error = job.outcome.type if isinstance(job.outcome, Raised | Failed) else None
    outcome = None if job.outcome is None else type(job.outcome).__name__.lower()
    more: dict[str, JsonValue] = {"outcome": outcome, "type": error}
    more["packets"] = job.packets
    if job.identity:
        more["identity"] = job.identity
    if not job.retries:  # else the status tells it
        more["starts"] = job.starts
    queue = NULL
    if job.queue is not None:
        queue = JsonText(
            b'{"name":%b,"concurrency":%d}' % (job.queue.name, job.queue.concurrency)
        )
    return JsonText(job_text(job)[:-1] + b',"queue":' + queue + b"," + encode(more)[1:])


def list_text(texts: Sequence[bytes]) -> JsonText:
    """Return the list of values that are text already."""
    return JsonText(b"[" + b",".join(texts) + b"]")
