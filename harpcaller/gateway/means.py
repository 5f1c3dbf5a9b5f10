"""What a route of an adapter may have done, in the name of who asks."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

import attrs
import trio

from harpcaller import ops
from harpcaller.adapters.machine import Post
from harpcaller.adapters.route import Accepted
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.gateway.feeding import FedMeans
from harpcaller.gateway.house import House
from harpcaller.identities.reception import Reception
from harpcaller.identities.visitor import Visitor
from harpcaller.runners.installed import PREFIX, Installed
from harpcaller.runners.transfers import Reply
from harpcaller.store import StoreError
from protocol.call import Call
from protocol.job import JobId, JobRecord, read_job_id
from protocol.jsontext import decode
from protocol.outcome import Outcome
from protocol.requests import Submit

_SPACE: Final = "gateway"  # of shared documents; no adapter is called so
_INSTALLATION: Final = "installation"
_POST_S: Final = 10.0  # who asked waits for us

Look: TypeAlias = Callable[[], Awaitable[Sequence[str]]]
"""Finds out why a call would not be taken and kept now."""
Poster: TypeAlias = Callable[[Installed, Post], Awaitable[Reply]]
"""Sends a request for an adapter and returns what came of it, whatever it was."""


@attrs.define
class Whole:
    """What is behind all routes; owns the name of the store until it is kept."""

    dispatcher: Dispatcher
    poster: Poster
    look: Look | None = None
    house: House = attrs.field(factory=lambda: House(Reception()))
    _made: str = attrs.field(factory=lambda: secrets.token_hex(32))

    async def installation(self) -> str:
        """Return the name of the store, made once."""
        store = self.dispatcher.store
        kept = await store.get_shared(_SPACE, _INSTALLATION)
        if kept is None:
            await store.put_shared(_SPACE, _INSTALLATION, self._made.encode())
            return self._made
        return kept.decode()


@attrs.frozen
class Means:
    """The operations of one request; see `Operations` for each."""

    _whole: Whole
    _installed: Installed
    _visitor: Visitor | None

    async def submit(self, call: Call) -> Accepted:
        """See `Operations.submit`."""
        asked = Submit(call=call)
        kept = decode(await ops.begin(asked, self._dispatcher, self._visitor))
        assert isinstance(kept, dict)  # noqa: S101 (a reply of ours)
        job_id = read_job_id(str(kept["job_id"]))
        assert job_id is not None  # noqa: S101 (and it has one)
        return Accepted(job_id=job_id, is_duplicate="duplicate" in kept)

    @property
    def fed(self) -> FedMeans:
        """See `Operations.fed`."""
        return FedMeans(self._dispatcher, PREFIX + self._adapter, self._visitor)

    async def outcome(self, job_id: JobId) -> Outcome:
        """See `Operations.outcome`."""
        return await ops.outcome(job_id, self._dispatcher, self._visitor)

    async def outcome_within(self, job_id: JobId, seconds: float) -> Outcome | None:
        """See `Operations.outcome_within`."""
        with trio.move_on_after(seconds):
            return await self.outcome(job_id)
        return None

    async def job(self, job_id: JobId) -> JobRecord:
        """See `Operations.job`."""
        return await ops.record(job_id, self._dispatcher, self._visitor)

    async def hindrances(self) -> Sequence[str]:
        """See `Operations.hindrances`."""
        return () if self._whole.look is None else await self._whole.look()

    async def installation(self) -> str:
        """See `Operations.installation`."""
        with _told():
            return await self._whole.installation()

    async def document(self, name: str) -> bytes | None:
        """See `Operations.document`."""
        with _told():
            return await self._dispatcher.store.get_shared(self._adapter, name)

    async def documents(self) -> Sequence[str]:
        """See `Operations.documents`."""
        with _told():
            return await self._dispatcher.store.list_shared(self._adapter)

    async def keep(self, name: str, body: bytes | None) -> None:
        """See `Operations.keep`."""
        with _told():
            await self._dispatcher.store.put_shared(self._adapter, name, body)

    async def post(self, post: Post) -> None:
        """See `Operations.post`."""
        with trio.move_on_after(_POST_S):
            await self._whole.poster(self._installed, post)

    @property
    def _adapter(self) -> str:
        return self._installed.adapter.name

    @property
    def _dispatcher(self) -> Dispatcher:
        return self._whole.dispatcher


@contextmanager
def _told() -> Iterator[None]:
    """Have a refusal by the store told as a line tells it."""
    try:
        yield
    except StoreError as error:
        raise ops.complaint(error) from error
