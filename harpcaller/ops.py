"""One function per request; the front and the gateway both call these."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeAlias, TypeVar, assert_never

import attrs
import trio

from harpcaller import __version__
from harpcaller.dispatch import followers
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.followers import Outbox
from harpcaller.dispatch.parent import LARGE_CALL_BYTES, admit
from harpcaller.identities import rights
from harpcaller.identities.identity import Identity
from harpcaller.identities.visitor import Visitor
from harpcaller.roles import Role
from harpcaller.runners.installed import Installed
from harpcaller.store import (
    Full,
    KeyConflict,
    StoreError,
    Submitted,
    TooManyQueued,
    Write,
)
from protocol import replies
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.examples import EXAMPLES
from protocol.job import JobId, JobRecord
from protocol.outcome import Outcome
from protocol.replies import HelloLimits
from protocol.requests import (
    Cancel,
    FollowStream,
    GetResult,
    GetStatus,
    Hello,
    Help,
    ReadStream,
    Submit,
)

T = TypeVar("T")
Question: TypeAlias = GetResult | GetStatus | FollowStream | ReadStream


@attrs.frozen
class Begun(Generic[T]):
    """A change that is under way; awaiting it gives the reply once it is durable.

    Raises:
        WireError: it was refused; nothing of it was kept.
    """

    _write: Write[T]
    _reply: Callable[[T], bytes]

    def __await__(self) -> Generator[Any, Any, bytes]:
        """Wait for the reply."""
        try:
            return self._reply((yield from self._write.__await__()))
        except StoreError as error:
            raise complaint(error) from error


@attrs.frozen
class GuardedCancel:
    """A cancel by who may not cancel every job; it begins when it is awaited.

    Raises:
        WireError: `forbidden`, or the store refused.
    """

    _job_id: JobId
    _dispatcher: Dispatcher
    _identity: Identity

    def __await__(self) -> Generator[Any, Any, bytes]:
        """Wait for the reply."""
        return self._cancel().__await__()

    async def _cancel(self) -> bytes:
        try:
            job = await self._dispatcher.store.get(self._job_id)
        except StoreError as error:
            raise complaint(error) from error
        if job is None or not self._identity.may_see(job):
            return _cancelled(False)
        if not self._identity.may_do(Role.CANCEL, job):
            raise rights.lacks(Role.CANCEL, self._identity)
        return await Begun(self._dispatcher.cancel(self._job_id), _cancelled)


@attrs.frozen
class LargeAdmission:
    """A large call to an adapter, which judges it beside the loop when it is awaited.

    Raises:
        WireError: it was refused; nothing of it was kept.
    """

    _call: Call
    _installed: Installed
    _dispatcher: Dispatcher
    _identity: str

    def __await__(self) -> Generator[Any, Any, bytes]:
        """Wait for the reply."""
        return self._submit().__await__()

    async def _submit(self) -> bytes:
        parent = await trio.to_thread.run_sync(admit, self._installed, self._call)
        kept = self._dispatcher.submit_parent(parent, self._identity)
        return await Begun(kept, _submitted)


Change: TypeAlias = Begun[Any] | GuardedCancel | LargeAdmission


def begin(
    request: Submit | Cancel, dispatcher: Dispatcher, visitor: Visitor | None = None
) -> Change:
    """Begin a change without waiting for anything; without a `visitor` all is allowed.

    Raises:
        WireError: `shutting_down`, `unauthorized`, `forbidden`.
    """
    if visitor is not None:
        return _begin_for(request, dispatcher, visitor.identity)
    match request:
        case Submit(call=call):
            return _begin_submit(call, dispatcher)
        case Cancel(job_id=job_id):
            return _begin_cancel(job_id, dispatcher)
    assert_never(request)


def _begin_submit(
    call: Call, dispatcher: Dispatcher, identity: str = ""
) -> Begun[Any] | LargeAdmission:
    installed = dispatcher.adapters.find(call.host)
    if installed is None:
        return Begun(dispatcher.submit(call, identity), _submitted)
    if len(call.arguments) > LARGE_CALL_BYTES:
        return LargeAdmission(call, installed, dispatcher, identity)
    parent = admit(installed, call)
    return Begun(dispatcher.submit_parent(parent, identity), _submitted)


def _begin_cancel(job_id: JobId | None, dispatcher: Dispatcher) -> Begun[Any]:
    stopped = _done(False) if job_id is None else dispatcher.cancel(job_id)
    return Begun(stopped, _cancelled)


def _begin_for(
    request: Submit | Cancel, dispatcher: Dispatcher, identity: Identity
) -> Change:
    match request:
        case Submit(call=call):
            rights.check_call(call, identity)
            return _begin_submit(call, dispatcher, identity.name)
        case Cancel(job_id=job_id):
            rights.check_role(Role.CANCEL, identity)
            if job_id is None or identity.may_do_all(Role.CANCEL):
                return _begin_cancel(job_id, dispatcher)
            return GuardedCancel(job_id, dispatcher, identity)
    assert_never(request)


async def answer(
    request: Question | Hello | Help,
    dispatcher: Dispatcher,
    limits: HelloLimits,
    out: Outbox,
    visitor: Visitor | None = None,
) -> None:
    """Write the whole answer to a request that changes nothing.

    Raises:
        WireError: it cannot be answered, or no longer, or not to this `visitor`.
    """
    if not isinstance(request, Hello | Help):
        await tell(request, dispatcher, out, visitor)
        return
    if isinstance(request, Hello) and request.token is not None and visitor is not None:
        await visitor.prove(request.token)
    await out.write(_greeting(request, limits, visitor))


async def tell(
    request: Question,
    dispatcher: Dispatcher,
    out: Outbox,
    visitor: Visitor | None = None,
) -> None:
    """Write the whole answer to a question about a job.

    Raises:
        WireError: it cannot be answered, or no longer, or not to this `visitor`.
    """
    try:
        await _admit(request.job_id, dispatcher, visitor)
        match request:
            case GetStatus():
                await get_status(request, dispatcher, out)
            case GetResult():
                await get_result(request, dispatcher, out)
            case FollowStream(job_id=job_id, since=since, recent=recent):
                await followers.follow(dispatcher, job_id, since, recent or 0, out)
            case ReadStream():
                await _read_stream(request, dispatcher, out)
            case _:
                assert_never(request)
    except StoreError as error:
        raise complaint(error) from error


async def outcome(
    job_id: JobId, dispatcher: Dispatcher, visitor: Visitor | None = None
) -> Outcome:
    """Return how a job ended, once it has.

    Raises:
        WireError: `shutting_down` before that; there is no such job for `visitor`.
    """
    try:
        await _admit(job_id, dispatcher, visitor)
        return await followers.wait_for_outcome(dispatcher, job_id)
    except StoreError as error:
        raise complaint(error) from error


async def record(
    job_id: JobId, dispatcher: Dispatcher, visitor: Visitor | None = None
) -> JobRecord:
    """Return what is known of a job.

    Raises:
        WireError: there is no such job for `visitor`.
    """
    try:
        await _admit(job_id, dispatcher, visitor)
        return await _record(job_id, dispatcher)
    except StoreError as error:
        raise complaint(error) from error


def _greeting(
    request: Hello | Help, limits: HelloLimits, visitor: Visitor | None
) -> bytes:
    if isinstance(request, Help):
        return replies.help_text(EXAMPLES)
    name = "" if visitor is None else visitor.identity.name
    return replies.hello(__version__, limits, name)


async def _admit(
    job_id: JobId | None, dispatcher: Dispatcher, visitor: Visitor | None
) -> None:
    """Return if `visitor` may be told; what he may not see does not exist for him.

    Raises:
        WireError: `unauthorized`, `forbidden`, `invalid_jobid`.
    """
    if visitor is None:
        return
    rights.check_role(Role.READ, visitor.identity)
    if not visitor.identity.may_do(Role.READ, await _record(job_id, dispatcher)):
        raise followers.no_such_job()


async def get_status(request: GetStatus, dispatcher: Dispatcher, out: Outbox) -> None:
    """Write what was called, and when.

    Raises:
        WireError: `invalid_jobid`.
    """
    await out.write(replies.status(await _record(request.job_id, dispatcher)))


async def get_result(request: GetResult, dispatcher: Dispatcher, out: Outbox) -> None:
    """Write how the job ended; with `wait`, once it has.

    Raises:
        WireError: `invalid_jobid`, or `shutting_down` before there is an outcome.
    """
    found = await _record(request.job_id, dispatcher)
    outcome = found.outcome
    if outcome is None and request.wait:
        outcome = await followers.wait_for_outcome(dispatcher, found.job_id, out)
    await out.write(replies.NO_RESULT if outcome is None else replies.ended(outcome))


async def _record(job_id: JobId | None, dispatcher: Dispatcher) -> JobRecord:
    found = await dispatcher.store.get(followers.known(job_id))
    if found is None:
        raise followers.no_such_job()
    return found


async def _read_stream(
    request: ReadStream, dispatcher: Dispatcher, out: Outbox
) -> None:
    job_id, start = request.job_id, (request.since, request.recent)
    if request.limit is None:
        await followers.read(dispatcher, job_id, *start, out)
    else:
        await followers.read_page(dispatcher, job_id, start, request.limit, out)


def complaint(error: StoreError) -> WireError:
    """Return what a client is told of a refusal by the store."""
    match error:
        case KeyConflict():
            return WireError(
                ErrorType.INVALID_REQUEST,
                'field "key": it stands for a call of other content',
                {"field": "key", "expected": "the content it was first used with"},
            )
        case TooManyQueued():
            return WireError(
                ErrorType.OVERLOADED, "too many jobs wait already; try again later"
            )
        case Full():
            return WireError(
                ErrorType.STORAGE_FULL,
                "the disk is full; nothing was kept",
            )
        case _:
            return WireError(
                ErrorType.STORAGE_ERROR, "the store does not answer; try again"
            )


def _submitted(kept: Submitted) -> bytes:
    return replies.submitted(kept.job_id, is_duplicate=kept.is_duplicate)


def _cancelled(was_stopped: bool) -> bytes:
    return replies.cancelled(was_stopped=was_stopped)


def _done(result: bool) -> Write[bool]:
    write: Write[bool] = Write()
    write.succeed(result)
    return write
