"""The reporters of a daemon; nothing of them is loaded where none is configured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import trio

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.dispatch.watching import Feed
from harpcaller.meters import ReportCounts
from protocol.jsontext import JsonValue

if TYPE_CHECKING:
    from harpcaller.reporting.reporter import Reporter


@attrs.frozen(eq=False)
class _Running:
    """A reporter that runs until its scope is cancelled."""

    settings: ReportingSettings
    reporter: Reporter
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def run(self) -> None:
        """Report until there is no more of it."""
        with self.scope:
            await self.reporter.run()


class Reports:
    """Owns the reporters, one for each monitor, and what those have left that ended."""

    def __init__(self, settings: Sequence[ReportingSettings]) -> None:
        self._settings = settings
        self._place: tuple[Feed, trio.Nursery] | None = None
        self._running: list[_Running] = []
        self._leaving: list[_Running] = []
        self._past = ReportCounts()

    def begin(self, feed: Feed, nursery: trio.Nursery) -> None:
        """Report what happens from now on, until `nursery` ends."""
        self._place = (feed, nursery)
        self.configure(self._settings)

    def configure(self, settings: Sequence[ReportingSettings]) -> None:
        """Report to these monitors from now on; where nothing has changed, go on."""
        self._settings = settings
        if self._place is None:
            return
        feed, nursery = self._place
        new = [*settings]
        staying: list[_Running] = []
        for one in self._running:
            if one.settings in new:
                new.remove(one.settings)
                staying.append(one)
            else:
                self._leaving.append(one)
                nursery.start_soon(self._leave, one)
        begun = [_begun(one, feed) for one in new]
        for one in begun:
            nursery.start_soon(one.run)
        self._running = [*staying, *begun]

    async def _leave(self, one: _Running) -> None:
        """Tell a monitor what is left, in a moment, and then no more."""
        await one.reporter.finish()
        one.scope.cancel()
        counts, past = one.reporter.counts(), self._past
        self._leaving.remove(one)
        self._past = ReportCounts(
            dropped=past.dropped + counts.dropped + counts.backlog,
            refused=past.refused + counts.refused,
        )

    async def finish(self) -> None:
        """Tell what is left, in a moment: nothing more will happen."""
        async with trio.open_nursery() as nursery:
            for one in self._running:
                nursery.start_soon(one.reporter.finish)

    def counts(self) -> ReportCounts:
        """Return what monitors have not been told, all together."""
        found = [one.reporter.counts() for one in (*self._running, *self._leaving)]
        found.append(self._past)
        return ReportCounts(
            backlog=sum(one.backlog for one in found),
            dropped=sum(one.dropped for one in found),
            refused=sum(one.refused for one in found),
        )

    def told(self) -> list[JsonValue]:
        """Return what an administrator is told of them."""
        return [one.reporter.told() for one in self._running]


def _begun(settings: ReportingSettings, feed: Feed) -> _Running:
    from harpcaller.reporting.reporter import reporter  # noqa: PLC0415 (rare)

    name = socket.gethostname()
    return _Running(settings, reporter(settings, feed, name, time.time))
