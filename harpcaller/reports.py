"""The reporters of a daemon; nothing of them is loaded where none is configured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.dispatch.watching import Feed
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
        from harpcaller.reporting.reporter import Reporter  # noqa: PLC0415 (rare)

        name = socket.gethostname()
        self._reporters = [
            Reporter(one, feed, name, time.time) for one in self._settings
        ]
        for reporter in self._reporters:
            nursery.start_soon(reporter.run)

    async def finish(self) -> None:
        """Tell what is left, in a moment: nothing more will happen."""
        async with trio.open_nursery() as nursery:
            for reporter in self._reporters:
                nursery.start_soon(reporter.finish)

    def told(self) -> list[JsonValue]:
        """Return what an administrator is told of them."""
        return [reporter.told() for reporter in self._reporters]
