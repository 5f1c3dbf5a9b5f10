"""The reporters of a daemon; nothing of them is loaded where none is configured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.dispatch.watching import Feed
from harpcaller.meters import ReportCounts
from protocol.jsontext import JsonValue

if TYPE_CHECKING:
    from harpcaller.reporting.reporter import Reporter


class Reports:
    """Owns the reporters, one for each monitor."""

    def __init__(self, settings: Sequence[ReportingSettings]) -> None:
        self._settings = settings
        self._reporters: Sequence[Reporter] = ()

    def begin(self, feed: Feed, nursery: trio.Nursery) -> None:
        """Report what happens from now on, until `nursery` ends."""
        if not self._settings:
            return
        from harpcaller.reporting.reporter import reporter  # noqa: PLC0415 (rare)

        name = socket.gethostname()
        self._reporters = [
            reporter(one, feed, name, time.time) for one in self._settings
        ]
        for one in self._reporters:
            nursery.start_soon(one.run)

    async def finish(self) -> None:
        """Tell what is left, in a moment: nothing more will happen."""
        async with trio.open_nursery() as nursery:
            for reporter in self._reporters:
                nursery.start_soon(reporter.finish)

    def counts(self) -> ReportCounts:
        """Return what monitors have not been told, all together."""
        found = [reporter.counts() for reporter in self._reporters]
        return ReportCounts(
            backlog=sum(one.backlog for one in found),
            dropped=sum(one.dropped for one in found),
            refused=sum(one.refused for one in found),
        )

    def told(self) -> list[JsonValue]:
        """Return what an administrator is told of them."""
        return [reporter.told() for reporter in self._reporters]
