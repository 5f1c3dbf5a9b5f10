"""How many units of each step are known, have ended, and have failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from harpcaller.adapters.harmony.courses import Course, State
from harpcaller.adapters.harmony.progress import Done, percent

_ENOUGH: Final = 10  # ended units of a step, before their share says anything


@attrs.define
class _Count:
    known: int = 0
    ended: int = 0
    failed: int = 0


class Tally:
    """Counts the units of a run by step, and the batches that lost something."""

    def __init__(self, steps: int) -> None:
        self._counts = [_Count() for _ in range(steps)]
        self.failed_batches: dict[int, None] = {}
        self.failed = 0

    def know(self, step: int, count: int = 1) -> None:
        """Count units of a step that are known now."""
        self._counts[step - 1].known += count

    def end(self, course: Course) -> None:
        """Count a unit that has ended."""
        count = self._counts[course.unit.step - 1]
        count.ended += 1
        if course.state is State.FAILED:
            self.disown(course)

    def disown(self, course: Course) -> None:
        """Count a unit that has ended as failed."""
        self._counts[course.unit.step - 1].failed += 1
        self.failed += 1
        self.lose(course.origin.batches)

    def lose(self, batches: Iterable[int]) -> None:
        """Count batches whose outputs are not what they should be."""
        self.failed_batches.update(dict.fromkeys(batches))

    def percent(self, *, count_locator: bool) -> int:
        """Return how far all of it is."""
        done = [Done(count.ended, count.known) for count in self._counts]
        return percent(done, count_locator=count_locator)

    def is_hopeless(self, max_errors: int, max_failed_percent: int) -> bool:
        """Tell whether so many have failed that the others are not worth trying."""
        return self.failed > max_errors or any(
            count.ended >= _ENOUGH
            and count.failed * 100 > max_failed_percent * count.ended
            for count in self._counts
        )
