"""What a route of an adapter may do with jobs that nobody runs, for who asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from harpcaller import ops
from harpcaller.adapters.fed import Fed
from harpcaller.dispatch import followers
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.identities import rights
from harpcaller.identities.visitor import Visitor
from harpcaller.roles import Role
from harpcaller.store import FedFilter, StoreError
from protocol.call import Call
from protocol.job import JobId, JobRecord
from protocol.jsontext import decode
from protocol.requests import Cancel


@attrs.frozen
class FedMeans:
    """What one request may do; see `Feeding`. `host` is the adapter's."""

    _dispatcher: Dispatcher
    _host: str
    _visitor: Visitor | None

    @property
    def live_count(self) -> int:
        """See `Feeding.live_count`."""
        return self._dispatcher.external.live_count

    async def look(self, job_id: JobId, role: Role) -> tuple[JobRecord, Fed]:
        """See `Feeding.look`."""
        record = await self._find(job_id, role)
        with _told():
            return record, await self._dispatcher.external.look(record)

    async def offer(self, job_id: JobId, offered: Any) -> str | None:
        """See `Feeding.offer`."""
        record = await self._find(job_id, Role.SUBMIT)
        with _told():
            return await self._dispatcher.external.offer(record, offered)

    async def cancel(self, job_id: JobId) -> bool:
        """See `Feeding.cancel`."""
        asked = Cancel(job_id=job_id)
        reply = decode(await ops.begin(asked, self._dispatcher, self._visitor))
        return reply == {"cancelled": True}

    async def remove(self, job_id: JobId) -> bool:
        """See `Feeding.remove`."""
        if self._visitor is not None:
            rights.demand(Role.ADMIN, self._visitor.identity)
        with _told():
            return await self._dispatcher.store.remove(job_id)

    async def recent(self, before: JobId | None, limit: int) -> Sequence[JobId]:
        """See `Feeding.recent`."""
        where = self._readable()
        if where is None:
            return ()
        with _told():
            return await self._dispatcher.store.fed(where, before, limit)

    async def labelled(self, label: str) -> JobId | None:
        """See `Feeding.labelled`."""
        where = FedFilter(host=self._host, label=label)
        with _told():
            found = await self._dispatcher.store.fed(where, None, 1)
        return found[0] if found else None

    def _readable(self) -> FedFilter | None:
        """Return which jobs may be read: all, those of who asks, or None."""
        everything = FedFilter(host=self._host)
        if self._visitor is None:
            return everything
        identity = self._visitor.identity
        if identity.has(Role.READ) and identity.reaches(self._host):
            return everything
        if identity.is_anonymous or not identity.has(Role.SUBMIT):
            return None
        return attrs.evolve(everything, identity=identity.name)

    async def _find(self, job_id: JobId, role: Role) -> JobRecord:
        with _told():
            record = await self._dispatcher.store.get(job_id)
        if record is None or record.host != self._host or not self._may(role, record):
            raise followers.no_such_job()
        return record

    def _may(self, role: Role, job: JobRecord) -> bool:
        """Tell whether a job may be seen for something, or is its own to feed.

        Raises:
            WireError: who asks may not feed any such job.
        """
        if self._visitor is None:
            return True
        identity = self._visitor.identity
        if role is Role.SUBMIT:
            call = Call(host=job.host, procedure=job.procedure, arguments=job.arguments)
            rights.check_call(call, identity)
            return True
        return identity.may_do(role, job)


@contextmanager
def _told() -> Iterator[None]:
    """Have what the store refuses told in the words of clients."""
    try:
        yield
    except StoreError as error:
        raise ops.complaint(error) from error
