"""What the driver of a parent may do with its children."""

from __future__ import annotations

import contextlib

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.store import Claim, Full, JobFilter, Lost, TooManyQueued, Unavailable
from harpcaller.store.repeat import until_done
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord, State

_PAGE_JOBS = 100


class Family:
    """Submits children, waits for them and ends them; it owns nothing itself."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def submit(self, parent: Claim, key: str, call: Call) -> None:
        """Have a child run, unless it was submitted before.

        Raises:
            WireError: it was refused.
        """
        if call.host.startswith("@"):
            raise WireError(
                ErrorType.UNKNOWN_HOST, "a child's host must not begin with @"
            )
        try:
            await until_done(lambda: self._dispatcher.submit_child(parent, key, call))
        except TooManyQueued as error:
            raise WireError(ErrorType.OVERLOADED, "too many jobs wait") from error
        except Full as error:
            raise WireError(ErrorType.STORAGE_FULL, "the disk is full") from error

    async def find(self, job_id: JobId) -> JobRecord | None:
        """Return what is known of a child."""
        return await self._dispatcher.store.get(job_id)

    async def wait(self, job_id: JobId) -> JobRecord | None:
        """Return a child that has ended, once it has; None where there is none."""
        store = self._dispatcher.store
        with self._dispatcher.reading(job_id) as job:
            record = await store.get(job_id)
            if record is None:
                return None
            job.see(record)
            while job.outcome is None:
                await job.changed().wait()
        return await store.get(job_id)

    async def cancel(self, job_id: JobId) -> None:
        """End a child, if there is one that has not ended."""
        with contextlib.suppress(Lost):  # then nothing goes on, and recovery is next
            await until_done(lambda: self._dispatcher.cancel(job_id))

    async def end_all(self, parent: JobId) -> None:
        """End every child there is, in the store's books and not in the driver's."""
        with contextlib.suppress(Lost):
            # Behind every submit that was begun: from here on all are listed.
            await until_done(self._dispatcher.take)
            for state in (State.QUEUED, State.RUNNING):
                await self._end(JobFilter(parent=parent, state=state))

    async def _end(self, which: JobFilter) -> None:
        after: str | None = None
        while True:
            page = await self._dispatcher.store.jobs(which, after, _PAGE_JOBS)
            begun = [(job, self._dispatcher.cancel(job.job_id)) for job in page.jobs]
            for job, write in begun:
                try:
                    await write
                except Unavailable:
                    await self.cancel(job.job_id)
            after = page.after
            if after is None:
                return
