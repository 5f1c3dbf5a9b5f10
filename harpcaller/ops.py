"""One function per request; the front and the gateway both call these."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar, assert_never

import attrs

from harpcaller import __version__
from harpcaller.dispatch import followers
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.dispatch.followers import Outbox
from harpcaller.store import (
    Full,
    KeyConflict,
    StoreError,
    Submitted,
    TooManyQueued,
    Write,
)
from protocol import replies
from protocol.errors import ErrorType, WireError
from protocol.examples import EXAMPLES
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


def begin(request: Submit | Cancel, dispatcher: Dispatcher) -> Begun[Any]:
    """Begin a change without waiting for anything.

    Raises:
        WireError: `shutting_down`.
    """
    match request:
        case Submit(call=call):
            return Begun(dispatcher.submit(call), _submitted)
        case Cancel(job_id=job_id):
            stopped = _done(False) if job_id is None else dispatcher.cancel(job_id)
            return Begun(stopped, _cancelled)
    assert_never(request)


async def answer(
    request: GetResult | GetStatus | FollowStream | ReadStream | Hello | Help,
    dispatcher: Dispatcher,
    limits: HelloLimits,
    out: Outbox,
) -> None:
    """Write the whole answer to a request that changes nothing.

    Raises:
        WireError: it cannot be answered, or no longer.
    """
    try:
        match request:
            case GetStatus():
                await get_status(request, dispatcher, out)
            case GetResult():
                await get_result(request, dispatcher, out)
            case FollowStream(job_id=job_id, since=since, recent=recent):
                await followers.follow(dispatcher, job_id, since, recent or 0, out)
            case ReadStream(job_id=job_id, since=since, recent=recent):
                await followers.read(dispatcher, job_id, since, recent, out)
            case Hello():
                await out.write(replies.hello(__version__, limits))
            case Help():
                await out.write(replies.help_text(EXAMPLES))
            case _:
                assert_never(request)
    except StoreError as error:
        raise complaint(error) from error


async def get_status(request: GetStatus, dispatcher: Dispatcher, out: Outbox) -> None:
    """Write what was called, and when.

    Raises:
        WireError: `invalid_jobid`.
    """
    record = await dispatcher.store.get(followers.known(request.job_id))
    if record is None:
        raise followers.no_such_job()
    await out.write(replies.status(record))


async def get_result(request: GetResult, dispatcher: Dispatcher, out: Outbox) -> None:
    """Write how the job ended; with `wait`, once it has.

    Raises:
        WireError: `invalid_jobid`, or `shutting_down` before there is an outcome.
    """
    record = await dispatcher.store.get(followers.known(request.job_id))
    if record is None:
        raise followers.no_such_job()
    outcome = record.outcome
    if outcome is None and request.wait:
        outcome = await followers.wait_for_outcome(dispatcher, record.job_id, out)
    await out.write(replies.NO_RESULT if outcome is None else replies.ended(outcome))


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
