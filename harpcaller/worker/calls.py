"""The calls that run: each a process tree of its own, relayed until its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
import structlog
import trio

from harpcaller.worker.children import Child, Children
from harpcaller.worker.peer import Peer
from harpcaller.worker.relay import Pace, Replies
from protocol import harp_worker
from protocol.harp import HEARTBEAT, HEARTBEAT_S, HarpCall
from protocol.harp_worker import Refused

log = structlog.get_logger()

_OVERFLOWN = harp_worker.exception(
    "ValueError", "the procedure's process wrote a line longer than any may be"
)
_KILLED = harp_worker.exception("Killed", "the worker's administrator ended the call")


@attrs.define(kw_only=True, eq=False)
class RunningCall:
    """A call that waits for room or runs; `number` is its name while harpd lives."""

    number: int
    call: HarpCall
    origin: str
    since_at: float
    scope: trio.CancelScope
    is_started: bool = False


class Calls:
    """Carries calls out; owns which of them run, and how many may."""

    def __init__(self, *, max_calls: int, max_line_bytes: int) -> None:
        self._room = trio.Semaphore(max_calls)
        self._max_line_bytes = max_line_bytes
        self._running: dict[int, RunningCall] = {}
        self._count = 0

    @property
    def running(self) -> Sequence[RunningCall]:
        """The calls that wait for room or run, oldest first."""
        return list(self._running.values())

    def kill(self, number: int) -> bool:
        """End a call, so that its dispatcher hears why; False if there is none such."""
        running = self._running.get(number)
        if running is None:
            return False
        running.scope.cancel()
        return True

    def end_older(self, call: HarpCall) -> None:
        """End what still runs by a lower fence of the same job: nobody waits for it."""
        if call.job_id is None or call.fence is None:
            return
        for running in self.running:
            older = running.call
            is_same = (older.user, older.job_id) == (call.user, call.job_id)
            if is_same and older.fence is not None and older.fence < call.fence:
                running.scope.cancel()

    async def carry_out(
        self, peer: Peer, call: HarpCall, children: Children
    ) -> bytes | None:
        """Run `call`; return how it ended, None if the peer went before that.

        Raises:
            Refused: it was not run.
        """
        began_at = trio.current_time()
        ending: bytes | Refused | None = None
        with self._known(peer, call) as running:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when_gone, peer, nursery.cancel_scope)
                ending = await self._run(peer, running, children)
                nursery.cancel_scope.cancel()
        log.info(
            "call.ended",
            procedure=call.procedure,
            job_id=call.job_id,
            took_s=round(trio.current_time() - began_at, 3),
            cancelled=ending is None,
        )
        if isinstance(ending, Refused):
            raise ending
        return ending

    async def _run(
        self, peer: Peer, running: RunningCall, children: Children
    ) -> bytes | Refused | None:
        replies = Replies(self._max_line_bytes)
        with running.scope:
            try:
                async with (
                    children.place(running.call),  # first: who waits has no room
                    self._room,
                    children.run(running.call, running.origin) as child,
                ):
                    running.is_started = True
                    return await self._relay(peer, child, replies)
            except Refused as complaint:
                return complaint
            except trio.BrokenResourceError:
                return None  # the peer went while we sent
        log.info("call.killed", number=running.number, job_id=running.call.job_id)
        # Half a line was sent: nothing more can be said on this connection.
        return None if peer.is_torn else replies.finish(_KILLED)

    @contextmanager
    def _known(self, peer: Peer, call: HarpCall) -> Iterator[RunningCall]:
        """Have the call among the running ones while the block runs."""
        self._count += 1
        running = RunningCall(
            number=self._count,
            call=call,
            origin=peer.origin,
            since_at=time.time(),
            scope=trio.CancelScope(),
        )
        self._running[running.number] = running
        try:
            yield running
        finally:
            del self._running[running.number]

    async def _relay(self, peer: Peer, child: Child, replies: Replies) -> bytes:
        """Pass on what the call says; return its last lines when it is all gone."""
        pace = Pace()
        while data := await _next_data(peer, child):
            lines = replies.receive(data)
            if lines:
                await peer.send(lines)
            if replies.is_overflown:
                return replies.finish(_OVERFLOWN)
            if replies.has_ended:
                break
            if pause_s := pace.pause_s(trio.current_time(), len(data)):
                await trio.sleep(pause_s)
        return replies.finish(await child.receive_ending())


async def _cancel_when_gone(peer: Peer, scope: trio.CancelScope) -> None:
    await peer.wait_gone()
    scope.cancel()


async def _next_data(peer: Peer, child: Child) -> bytes:
    if not peer.is_kept:
        return await child.receive_some()
    while True:
        with trio.move_on_after(HEARTBEAT_S):
            return await child.receive_some()
        await peer.send(HEARTBEAT)
