"""One client connection: carries bytes between the stream and the conversation."""

from __future__ import annotations

import math
from collections.abc import Awaitable
from enum import StrEnum

import attrs
import structlog
import trio

from harpcaller import ops
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.front.conversation import Asked, Bounds, Conversation
from harpcaller.front.farewell import DRAIN_S, say_no_more
from harpcaller.front.timers import Timers
from harpcaller.identities.visitor import Visitor
from harpcaller.meters import Refusals
from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.replies import HelloLimits
from protocol.requests import Cancel, FollowStream, GetResult, Request, Submit

RECEIVE_BYTES = 64 * 1024
FLUSH_BYTES = 64 * 1024  # what gathers before it is sent
SEND_BYTES = 128 * 1024  # a piece; most of what is sent is one
_CHANGES = (Submit, Cancel)

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Terms:
    """What holds for every session of a front: bounds, and how long a send may hang."""

    bounds: Bounds
    hello: HelloLimits
    send_timeout_s: float = 60

    def of_session(self) -> Terms:
        """Return the terms of clients that are in a session from the start."""
        idle_s = self.bounds.idle_s
        bounds = attrs.evolve(self.bounds, first_line_s=idle_s, linger_s=idle_s)
        return attrs.evolve(self, bounds=bounds)


@attrs.frozen
class Shared:
    """What the sessions of a front have in common, whoever they are with."""

    dispatcher: Dispatcher
    timers: Timers
    refusals: Refusals


class Pursuit(StrEnum):
    """What a client is about."""

    IDLE = "idle"  # he owes us the next request
    ASKING = "asking"  # an answer is under way
    WAITING = "waiting"  # for how a job ends
    FOLLOWING = "following"  # what a job streams


class Session:
    """Serves one client until it is over. A client that goes away ends nothing else.

    It is its own Outbox: small replies gather, and go out together. Without a
    `visitor` the client is not asked who he is, and may do everything.
    """

    __slots__ = (
        "_asked",
        "_conversation",
        "_dispatcher",
        "_is_deserted",
        "_is_idle",
        "_lines",
        "_lines_bytes",
        "_patience",
        "_refusals",
        "_stream",
        "_terms",
        "_timer",
        "_visitor",
    )

    def __init__(
        self,
        stream: trio.abc.HalfCloseableStream,
        shared: Shared,
        terms: Terms,
        visitor: Visitor | None = None,
    ) -> None:
        self._stream = stream
        self._dispatcher = shared.dispatcher
        self._terms = terms
        self._refusals = shared.refusals
        self._visitor = visitor
        self._conversation = Conversation(
            terms.bounds, trio.current_time(), shared.refusals
        )
        self._patience = trio.CancelScope()
        self._timer = shared.timers.add(self._lose_patience)
        self._is_idle = False
        self._is_deserted = False
        self._asked: Request | None = None  # what is answered, if it changes nothing
        self._lines: list[bytes] = []
        self._lines_bytes = 0

    @property
    def pursuit(self) -> tuple[Pursuit, JobId | None]:
        """What the client is about now, and the job that he waits for or follows."""
        if self._is_idle:
            return Pursuit.IDLE, None
        match self._asked:
            case FollowStream(job_id=job_id) if job_id is not None:
                return Pursuit.FOLLOWING, job_id
            case GetResult(job_id=job_id, wait=True) if job_id is not None:
                return Pursuit.WAITING, job_id
        return Pursuit.ASKING, None

    @property
    def identity_name(self) -> str | None:
        """Who the client is, None for nobody."""
        return None if self._visitor is None else self._visitor.identity.name or None

    async def run(self) -> None:
        """Answer until the client or its time is over; then close without a loss."""
        try:
            with self._patience:
                await self._converse()
            if self._patience.cancel_called and self._is_idle:
                self._patience = trio.CancelScope()
                with self._patience:
                    await self.write(self._conversation.last_words())
                    await self.flush()
                    await self._take_leave()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client is gone
        except Exception:  # a bug: it ends this session and no other
            log.exception("session.crashed")
            await self._apologize()
        finally:
            self._timer.close()
            await self._stream.aclose()  # a socket: it closes at once

    async def _apologize(self) -> None:
        """Tell the client that it was not his fault, and close so that he hears it."""
        error = WireError(ErrorType.INTERNAL_ERROR, "a bug of ours; see our log")
        with trio.move_on_after(DRAIN_S):
            try:
                await self.write(self._refusals.line(error))
                await self.flush()
                await self._take_leave()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the client is gone

    def end_if_idle(self) -> None:
        """Stop waiting for the client's next request; answers under way go on."""
        if self._is_idle:
            self._lose_patience()

    def desert(self) -> None:
        """Answer no more questions, since nobody hears it; do what was asked for."""
        self._is_deserted = True
        if self._asked is not None:
            self._lose_patience()

    def _lose_patience(self) -> None:
        self._patience.cancel()

    async def write(self, lines: bytes) -> None:
        """Send `lines` with what follows, or at once if there is much."""
        if lines:
            self._lines.append(lines)
            self._lines_bytes += len(lines)
            if self._lines_bytes >= FLUSH_BYTES:
                await self.flush()

    async def flush(self) -> None:
        """Send what was written.

        A peer that takes no piece of it within `send_timeout_s` ends the session.
        """
        if not self._lines:
            return
        lines = self._lines[0] if len(self._lines) == 1 else b"".join(self._lines)
        self._lines.clear()
        self._lines_bytes = 0
        for start in range(0, len(lines), SEND_BYTES):
            self._timer.set(trio.current_time() + self._terms.send_timeout_s)
            await self._stream.send_all(lines[start : start + SEND_BYTES])
        self._timer.set(math.inf)

    async def _converse(self) -> None:
        conversation = self._conversation
        while not conversation.is_over and not self._dispatcher.has_stopped:
            conversation.wait_from(trio.current_time())
            self._timer.set(conversation.deadline)
            self._is_idle = True
            data = await self._stream.receive_some(RECEIVE_BYTES)
            if self._patience.cancel_called:
                return  # time was up in the same instant: as if it came too late
            self._is_idle = False
            self._timer.set(math.inf)
            conversation.receive(data)
            while batch := conversation.next_batch():
                await self._answer(batch)
                await self.flush()
            if not data:
                return  # all of it is read: a plain close destroys nothing
        await self._take_leave()

    async def _answer(self, batch: list[Asked]) -> None:
        """Write the answers to `batch`, in order; changes in a row begin together."""
        begun: list[bytes | Awaitable[bytes]] = []
        for asked in batch:
            if isinstance(asked, bytes):
                begun.append(asked)
            elif isinstance(asked, _CHANGES):
                begun.append(self._begin(asked))
            elif not self._is_deserted:
                if begun:
                    await self._write_begun(begun)
                self._asked = asked
                try:
                    await ops.answer(
                        asked,
                        self._dispatcher,
                        self._terms.hello,
                        self,
                        self._visitor,
                    )
                except WireError as error:
                    await self.write(self._refusals.line(error))
                self._asked = None
        if begun:
            await self._write_begun(begun)

    def _begin(self, asked: Submit | Cancel) -> bytes | Awaitable[bytes]:
        try:
            return ops.begin(asked, self._dispatcher, self._visitor)
        except WireError as error:
            return self._refusals.line(error)

    async def _write_begun(self, begun: list[bytes | Awaitable[bytes]]) -> None:
        for reply in begun:
            if isinstance(reply, bytes):
                await self.write(reply)
                continue
            try:
                await self.write(await reply)
            except WireError as error:
                await self.write(self._refusals.line(error))
        begun.clear()

    async def _take_leave(self) -> None:
        """Close so that no reply is lost."""
        self._timer.set(trio.current_time() + DRAIN_S)
        await say_no_more(self._stream)
