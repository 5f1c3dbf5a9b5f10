"""How often a unit has been tried, and whether it is tried once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from harpcaller.adapters.harmony.endings import Again

_LONGEST_S: Final = 90.0
_FIRST_S: Final = 2.5
_LIMITS: Final[Mapping[Again, int]] = {
    Again.NEVER: 0,
    Again.LOST: 3,  # the dispatcher's doing: it does not count as the service's
    Again.TIMED_OUT: 1,
}


@attrs.frozen(kw_only=True)
class Tries:
    """How often attempts of a unit ended in each way."""

    failed: int = 0
    lost: int = 0
    timed_out: int = 0

    @property
    def attempts(self) -> int:
        """How many attempts have ended; it is the number of the next one."""
        return self.failed + self.lost + self.timed_out

    def count(self, again: Again) -> Tries:
        """Return the tries with one more that ended so."""
        if again is Again.LOST:
            return attrs.evolve(self, lost=self.lost + 1)
        if again is Again.TIMED_OUT:
            return attrs.evolve(self, timed_out=self.timed_out + 1)
        return attrs.evolve(self, failed=self.failed + 1)

    def wait_s(self, again: Again, retry_limit: int) -> float | None:
        """Return how long to wait before the attempt after one that ended so.

        None if there is none; these tries have counted that one already.
        """
        counts = {Again.LOST: self.lost, Again.TIMED_OUT: self.timed_out}
        ended = counts.get(again, self.failed)
        if ended > _LIMITS.get(again, retry_limit):
            return None
        if again is not Again.FAILED:
            return 0
        return float(min(_LONGEST_S, _FIRST_S * 2 ** (ended - 1)))
