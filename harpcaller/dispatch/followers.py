"""Readers of a job: each holds a position in the log, looks, and waits for a change."""

from __future__ import annotations

from typing import Protocol

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.job import Follower, Job
from protocol import replies
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.outcome import Outcome

MAX_PAGE_BYTES = 64 * 1024
MAX_PAGE_PACKETS = 1000


class Outbox(Protocol):
    """Where lines go; each write may wait until the peer has taken what came before."""

    async def write(self, lines: bytes) -> None:
        """Send `lines`, now or with what follows."""

    async def flush(self) -> None:
        """Send what was written: nothing may follow for a while."""


async def wait_for_outcome(
    dispatcher: Dispatcher, job_id: JobId | None, out: Outbox | None = None
) -> Outcome:
    """Return how the job ended, once it has.

    Raises:
        WireError: `invalid_jobid`, or `shutting_down` before there is an outcome.
    """
    with dispatcher.reading(known(job_id)) as job:
        await _look_up(dispatcher, job)
        while job.outcome is None:
            await _wait_for_change(dispatcher, job, out)
        return job.outcome


async def follow(
    dispatcher: Dispatcher,
    job_id: JobId | None,
    since: int | None,
    recent: int,
    out: Outbox,
) -> None:
    """Write packets as they become durable, and the outcome behind the last one.

    From packet `since`, or the `recent` last ones and all from now on.

    Raises:
        WireError: `invalid_jobid`, or `shutting_down` before there is an outcome.
    """
    with dispatcher.reading(known(job_id)) as job:
        await _look_up(dispatcher, job)
        position = max(0, job.packets - recent) if since is None else since
        follower = Follower(job, position)
        dispatcher.followers.add(follower)
        try:
            await _follow_to_end(dispatcher, follower, out)
        finally:
            dispatcher.followers.discard(follower)


async def _follow_to_end(
    dispatcher: Dispatcher, follower: Follower, out: Outbox
) -> None:
    job = follower.job
    while True:
        # The outcome is durable after the last packet: look at it first.
        outcome, packets = job.outcome, job.packets
        while follower.position < packets:
            follower.position = await _write_page(
                dispatcher, job, follower.position, packets, out
            )
        if outcome is not None:
            await out.write(replies.ended(outcome))
            return
        if follower.position >= job.packets and job.outcome is None:
            await _wait_for_change(dispatcher, job, out)


async def read(
    dispatcher: Dispatcher,
    job_id: JobId | None,
    since: int | None,
    recent: int | None,
    out: Outbox,
) -> None:
    """Write the packets there are, then the outcome or that it goes on.

    Raises:
        WireError: `invalid_jobid`.
    """
    with dispatcher.reading(known(job_id)) as job:
        await _look_up(dispatcher, job)
        outcome, packets = job.outcome, job.packets
        position = _first(since, recent, packets)
        while position < packets:
            position = await _write_page(dispatcher, job, position, packets, out)
        await out.write(replies.CONTINUE if outcome is None else replies.ended(outcome))


async def read_page(
    dispatcher: Dispatcher,
    job_id: JobId | None,
    start: tuple[int | None, int | None],
    limit: int,
    out: Outbox,
) -> None:
    """Write up to `limit` packets, then the outcome or that there is more.

    `start` is `since` and `recent`. There may be fewer: a page is bounded in bytes.

    Raises:
        WireError: `invalid_jobid`.
    """
    with dispatcher.reading(known(job_id)) as job:
        await _look_up(dispatcher, job)
        outcome, packets = job.outcome, job.packets
        position = _first(*start, packets)
        if position < packets:
            end = min(packets, position + limit)
            position, lines = await _read_lines(dispatcher, job.job_id, position, end)
            await out.write(lines)
        if outcome is None or position < packets:
            await out.write(replies.CONTINUE)
        else:
            await out.write(replies.ended(outcome))


def known(job_id: JobId | None) -> JobId:
    """Return `job_id`.

    Raises:
        WireError: `invalid_jobid`, it is None: the client's text was no id.
    """
    if job_id is None:
        raise no_such_job()
    return job_id


def no_such_job() -> WireError:
    """Return the complaint about an id that stands for nothing."""
    return WireError(ErrorType.INVALID_JOBID, "no job with this id")


def _first(since: int | None, recent: int | None, packets: int) -> int:
    """Return the first number of those that were asked for."""
    return (since or 0) if recent is None else max(0, packets - recent)


async def _look_up(dispatcher: Dispatcher, job: Job) -> None:
    record = await dispatcher.store.get(job.job_id)
    if record is None:
        raise no_such_job()
    job.see(record)


async def _wait_for_change(
    dispatcher: Dispatcher, job: Job, out: Outbox | None
) -> None:
    changed = job.changed()
    if out is not None:
        await out.flush()
    if dispatcher.has_stopped and not changed.is_set():
        raise WireError(
            ErrorType.SHUTTING_DOWN, "the dispatcher stops; the job is kept, ask again"
        )
    await changed.wait()


async def _write_page(
    dispatcher: Dispatcher, job: Job, position: int, end: int, out: Outbox
) -> int:
    """Write packets from `position` on, at best to `end`; return what follows."""
    found = job.lines_from(position)
    if found is None:
        found = await _read_lines(dispatcher, job.job_id, position, end)
    position, lines = found
    del found
    # A stuck peer stays here: one copy of one page is all that it costs.
    await out.write(lines)
    return position


async def _read_lines(
    dispatcher: Dispatcher, job_id: JobId, position: int, end: int
) -> tuple[int, bytes]:
    page = await dispatcher.store.read_log(
        job_id,
        position,
        max_packets=min(MAX_PAGE_PACKETS, end - position),
        max_bytes=MAX_PAGE_BYTES,
    )
    if not page.packets:
        raise no_such_job()  # pruned while it was read
    lines = replies.packets(page.first, page.packets)
    return page.first + len(page.packets), lines
