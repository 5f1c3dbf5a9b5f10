"""Coroutines that are pure but for what they ask of us: their steps run in threads.

A handler that reads a large body would keep the loop for too long; while it waits
for an operation it keeps nothing, no thread either.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

import attrs
import trio

from harpcaller.adapters.fed import Fed, Feeding
from harpcaller.adapters.machine import Post
from harpcaller.adapters.route import Accepted, Operations
from harpcaller.roles import Role
from protocol.call import Call
from protocol.errors import WireError
from protocol.job import JobId, JobRecord
from protocol.outcome import Outcome

T = TypeVar("T")
P = ParamSpec("P")
Work: TypeAlias = Callable[[], Awaitable[T]]


async def in_threads(
    handle: Callable[[Operations], Coroutine[Any, Any, T]], means: Operations
) -> T:
    """Return what `handle` does; what it asks of `means` is done in the loop.

    Raises:
        WireError: `handle` did.
    """
    coroutine = handle(_Wishes(means))
    step: Callable[[], Work[Any]] = partial(coroutine.send, None)
    try:
        while True:
            wish = await trio.to_thread.run_sync(_step, step)
            if isinstance(wish, _Done):
                answer: T = wish.value
                return answer
            try:
                step = partial(coroutine.send, await wish())
            except WireError as error:
                step = partial(coroutine.throw, error)
    finally:
        coroutine.close()


@attrs.frozen
class _Done:
    value: Any


@attrs.frozen
class _Wish(Generic[T]):
    """Awaiting it hands its work to whoever steps the coroutine."""

    _work: Work[T]

    def __await__(self) -> Generator[Work[T], T, T]:
        """Return what came of it."""
        return (yield self._work)


@attrs.frozen
class _Wishes:
    """Operations that are wished for in a thread and done elsewhere."""

    _means: Operations

    async def submit(self, call: Call) -> Accepted:
        """See `Operations.submit`."""
        return await _wish(self._means.submit, call)

    @property
    def fed(self) -> _FedWishes:
        """See `Operations.fed`."""
        return _FedWishes(self._means.fed)

    async def outcome(self, job_id: JobId) -> Outcome:
        """See `Operations.outcome`."""
        return await _wish(self._means.outcome, job_id)

    async def outcome_within(self, job_id: JobId, seconds: float) -> Outcome | None:
        """See `Operations.outcome_within`."""
        return await _wish(self._means.outcome_within, job_id, seconds)

    async def job(self, job_id: JobId) -> JobRecord:
        """See `Operations.job`."""
        return await _wish(self._means.job, job_id)

    async def hindrances(self) -> Sequence[str]:
        """See `Operations.hindrances`."""
        return await _wish(self._means.hindrances)

    async def installation(self) -> str:
        """See `Operations.installation`."""
        return await _wish(self._means.installation)

    async def document(self, name: str) -> bytes | None:
        """See `Operations.document`."""
        return await _wish(self._means.document, name)

    async def documents(self) -> Sequence[str]:
        """See `Operations.documents`."""
        return await _wish(self._means.documents)

    async def keep(self, name: str, body: bytes | None) -> None:
        """See `Operations.keep`."""
        return await _wish(self._means.keep, name, body)

    async def post(self, post: Post) -> None:
        """See `Operations.post`."""
        return await _wish(self._means.post, post)


@attrs.frozen
class _FedWishes:
    """The same with jobs that nobody runs."""

    _fed: Feeding

    @property
    def live_count(self) -> int:
        """See `Feeding.live_count`."""
        return self._fed.live_count

    async def look(self, job_id: JobId, role: Role) -> tuple[JobRecord, Fed]:
        """See `Feeding.look`."""
        return await _wish(self._fed.look, job_id, role)

    async def offer(self, job_id: JobId, offered: Any) -> str | None:
        """See `Feeding.offer`."""
        return await _wish(self._fed.offer, job_id, offered)

    async def cancel(self, job_id: JobId) -> bool:
        """See `Feeding.cancel`."""
        return await _wish(self._fed.cancel, job_id)

    async def remove(self, job_id: JobId) -> bool:
        """See `Feeding.remove`."""
        return await _wish(self._fed.remove, job_id)

    async def recent(self, before: JobId | None, limit: int) -> Sequence[JobId]:
        """See `Feeding.recent`."""
        return await _wish(self._fed.recent, before, limit)

    async def labelled(self, label: str) -> JobId | None:
        """See `Feeding.labelled`."""
        return await _wish(self._fed.labelled, label)


async def _wish(
    work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    done: T = await _Wish(partial(work, *args, **kwargs))
    return done


def _step(step: Callable[[], Work[Any]]) -> Work[Any] | _Done:
    """Return what is wished for next; a StopIteration must not leave a thread."""
    try:
        return step()
    except StopIteration as stop:
        return _Done(stop.value)
