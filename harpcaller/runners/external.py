"""Jobs that nobody runs: feeds them, and ends each when it has been silent so long."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import attrs
import structlog
import trio

from harpcaller.adapters.fed import Due, Fed, Taken
from harpcaller.runners import Progress
from harpcaller.runners.installed import Installed
from harpcaller.runners.shelf import Shelf
from harpcaller.store import Claim, Fenced, Store, StoreError, Write
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.job import JobId, JobRecord, State
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Outcome

FIRST_LOOK_S: Final = 1.0  # after a restart: many are looked at then, one by one
AGAIN_S: Final = 30.0  # until a log that could not be read is looked at again
MAX_DELAY_S: Final = 1.0
REFUSED: Final = "refused"
ENDED: Final = "ended"
_BURST_S: Final = 1.0
_PAGE_PACKETS: Final = 500
_PAGE_BYTES: Final = 64 * 1024

log = structlog.get_logger()

Keep: TypeAlias = Callable[[JobId, Sequence[JsonText]], Write[int]]
"""Adds packets to the log of a fed job, and wakes its readers."""

Find: TypeAlias = Callable[[str], Installed | None]


@attrs.define(eq=False)
class _Live:
    """A fed job in memory; without `fed` its log is still to be read.

    `taken` is the number of the packet that `fed` takes next.
    """

    fed: Fed | None = None
    taken: int = 0
    in_flight: int = 0
    last: Write[int] | None = None
    is_over: bool = False
    is_watched: bool = False
    next_at: float = -math.inf
    touched_at: float = attrs.field(factory=trio.current_time)
    changed: trio.Event = attrs.field(factory=trio.Event)
    reading: trio.Lock = attrs.field(factory=trio.Lock)

    def touch(self) -> None:
        """Begin to count its silence anew."""
        self.touched_at = trio.current_time()
        self.changed.set()
        self.changed = trio.Event()


class External:
    """Owns what each fed job that lives has come to.

    It is read from the log when it is needed first, and anew after a write that
    failed. The outcome is written by whoever carries the job out, that is, waits.
    """

    def __init__(self, store: Store, keep: Keep, find: Find) -> None:
        self._store = store
        self._keep = keep
        self._find = find
        self.words: Counter[str] = Counter()  # what became of offers
        self._live: dict[JobId, _Live] = {}
        self._ended = Shelf()
        self._turn = trio.Lock()  # of logs that no client waits for

    @property
    def live_count(self) -> int:
        """How many fed jobs are waited for."""
        return sum(live.is_watched for live in self._live.values())

    # ── as a runner ──
    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Return how a fed job ended, once it has been silent long enough."""
        live = self._live.setdefault(claim.job_id, _Live())
        live.is_watched = True
        outcome: Outcome = Cancelled()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    _end_when, progress.cancel_asked, live, nursery.cancel_scope
                )
                outcome = await self._until_silent(claim, live)
                nursery.cancel_scope.cancel()
        finally:
            del self._live[claim.job_id]
        return outcome

    async def _until_silent(self, claim: Claim, live: _Live) -> Outcome:
        if claim.fence > 1:
            with trio.move_on_after(FIRST_LOOK_S):
                await live.changed.wait()
        while True:
            changed = live.changed
            try:
                due = await self._due(claim.record, live)
            except StoreError as error:
                log.warning("job.unread", job_id=claim.job_id, reason=str(error))
                with trio.move_on_after(AGAIN_S):
                    await changed.wait()
                continue
            except WireError:  # its adapter is not configured now
                await trio.sleep(AGAIN_S)
                live.touch()  # nobody could tell us that it lives
                continue
            left_s = live.touched_at + due.after_s - trio.current_time()
            if left_s <= 0 and not live.in_flight:
                live.is_over = True  # nothing is taken from here to the store's end
                return due.outcome
            with trio.move_on_after(math.inf if live.in_flight else left_s):
                await changed.wait()

    async def _due(self, record: JobRecord, live: _Live) -> Due:
        installed = self._installed(record)
        if live.fed is None:
            async with self._turn:
                await self._fed(record, installed, live)
        fed = await self._fed(record, installed, live)
        return fed.due(installed.settings)

    # ── by clients ──
    async def look(self, record: JobRecord) -> Fed:
        """Return what a job has come to; one that has ended is read from its log.

        Raises:
            WireError: it is not fed.
        """
        installed = self._installed(record)
        if record.state is not State.ENDED:
            live = self._live.get(record.job_id) or _Live()
            return await self._fed(record, installed, live)
        fed = self._ended.find(record.job_id)
        if fed is None:
            fed = await self._fed(record, installed, _Live())
            self._ended.put(record.job_id, fed, record.packets)
        return fed

    async def offer(self, record: JobRecord, offered: Any) -> str | None:
        """Keep what is new in something; return its word, None if the job has ended.

        Raises:
            WireError: `overloaded`, too much comes; it is not fed.
            StoreError: it was not kept.
        """
        installed = self._installed(record)
        if record.state is State.ENDED:
            self.words[ENDED] += 1
            return None
        live = self._live.setdefault(record.job_id, _Live())
        word: str | None = REFUSED
        try:
            word = await self._offer(record, installed, live, offered)
        finally:
            self.words[word or ENDED] += 1
            if not live.is_watched and not live.in_flight:
                self._live.pop(record.job_id, None)
        return word

    async def _offer(
        self, record: JobRecord, installed: Installed, live: _Live, offered: Any
    ) -> str | None:
        fed = await self._fed(record, installed, live)
        await _pace(live, fed.pace(installed.settings))
        fed = await self._fed(record, installed, live)
        if live.is_over:
            return None
        taken = fed.offer(offered, installed.settings)
        if taken.is_accepted:
            live.touch()
        try:
            await self._write(record.job_id, live, taken)
        except Fenced:
            return None
        return taken.word

    async def _write(self, job_id: JobId, live: _Live, taken: Taken) -> None:
        """Return once it is durable; without packets, once what was before is."""
        write = live.last
        if taken.packets:
            live.in_flight += 1
            live.last = write = self._keep(job_id, taken.packets)
            write.when_done(lambda write: _kept(live, write, taken.packets))
        if write is not None:
            await write

    async def _fed(self, record: JobRecord, installed: Installed, live: _Live) -> Fed:
        while live.fed is None:
            async with live.reading:
                if live.fed is None:
                    await self._read(record, installed, live)
        return live.fed

    async def _read(self, record: JobRecord, installed: Installed, live: _Live) -> None:
        make = installed.adapter.fed
        assert make is not None  # noqa: S101 (see `_installed`)
        fed, at = make(_call_of(record)), 0
        while True:
            page = await self._store.read_log(
                record.job_id, at, max_packets=_PAGE_PACKETS, max_bytes=_PAGE_BYTES
            )
            if not page.packets:
                break
            for packet in page.packets:
                fed.take(packet)
            at += len(page.packets)
            await trio.lowlevel.checkpoint()
        live.fed, live.taken = fed, at  # no await since the log was at its end

    def _installed(self, record: JobRecord) -> Installed:
        installed = self._find(record.host)
        if installed is None or installed.adapter.fed is None:
            raise WireError(ErrorType.INVALID_JOBID, "no job with this id is fed")
        return installed


async def _end_when(
    cancel_asked: trio.Event, live: _Live, scope: trio.CancelScope
) -> None:
    await cancel_asked.wait()
    live.is_over = True
    scope.cancel()


async def _pace(live: _Live, per_s: float) -> None:
    """Wait for the turn of an offer; a burst of a second's worth has none.

    Raises:
        WireError: `overloaded`, it would have to wait too long.
    """
    now = trio.current_time()
    at = max(live.next_at, now - _BURST_S)
    if at - now > MAX_DELAY_S:
        raise WireError(ErrorType.OVERLOADED, f"more than {per_s:g} updates a second")
    live.next_at = at + 1 / per_s
    if at > now:
        await trio.sleep_until(at)


def _kept(live: _Live, write: Write[int], packets: Sequence[JsonText]) -> None:
    """Tell what was kept, in the order of the log; if that is lost, it is read anew."""
    live.in_flight -= 1
    if live.last is write:
        live.last = None
    if write.error is not None or live.fed is None:
        live.fed = None
    else:
        first = write.result()
        if first > live.taken:
            live.fed = None
        for packet in packets[max(0, live.taken - first) :]:
            if live.fed is not None:
                live.fed.take(packet)
                live.taken += 1
    live.changed.set()
    live.changed = trio.Event()


def _call_of(record: JobRecord) -> Call:
    return Call(
        host=record.host,
        procedure=record.procedure,
        arguments=record.arguments,
        info=record.info,
    )
