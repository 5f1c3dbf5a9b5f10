"""Log lines about peers: a few of each kind, however many peers deserve one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import attrs
import structlog

log = structlog.get_logger()

PERIOD_S = 60.0
MAX_OF_ONE_PEER = 3  # lines of one kind in a period
MAX_OF_ALL = 50
_MAX_REMEMBERED = 4096


@attrs.define
class _Period:
    ends_at: float
    lines: int = 0
    dropped: int = 0


class PeerLog:
    """Writes lines about peers; those beyond the bounds are only counted.

    `now` is any clock in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._periods: OrderedDict[tuple[str, str], _Period] = OrderedDict()

    def warn(self, event: str, peer: str, **facts: object) -> None:
        """Write a warning, unless there were enough of this event with this `code`."""
        if self._has_room(event, peer, facts):
            log.warning(event, peer=peer, **facts)

    def note(self, event: str, peer: str, **facts: object) -> None:
        """Write a line that is no warning, within the same bounds."""
        if self._has_room(event, peer, facts):
            log.info(event, peer=peer, **facts)

    def _has_room(self, event: str, peer: str, facts: dict[str, object]) -> bool:
        """Count a line; add to its facts how many were dropped before."""
        kind = f"{event} {facts.get('code', '')}"
        of_all = self._period(kind, "")
        of_one = self._period(kind, peer)
        if of_one.lines >= MAX_OF_ONE_PEER or of_all.lines >= MAX_OF_ALL:
            of_all.dropped += 1
            return False
        of_one.lines += 1
        of_all.lines += 1
        if of_all.dropped:
            facts["dropped_lines"] = of_all.dropped
            of_all.dropped = 0
        return True

    def _period(self, kind: str, peer: str) -> _Period:
        """Return the period that runs; what it dropped is told by the next one."""
        now = self._now()
        found = self._periods.get((kind, peer))
        if found is None or now >= found.ends_at:
            dropped = found.dropped if found else 0
            found = _Period(now + PERIOD_S, dropped=dropped)
            self._periods[kind, peer] = found
        self._periods.move_to_end((kind, peer))
        if len(self._periods) > _MAX_REMEMBERED:
            self._periods.popitem(last=False)
        return found
