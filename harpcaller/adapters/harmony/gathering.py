"""What a step that waits for all outputs gets: all at once, or lots of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from harpcaller.adapters.harmony.batches import lots
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.courses import Course
from harpcaller.adapters.harmony.granules import Granule

Member: TypeAlias = tuple[Granule, Course]
"""An output, and the unit that made it."""

Lot: TypeAlias = tuple[Member, ...]


@attrs.define(eq=False)
class Gathering:
    """Gathers the outputs of all lines in their order; failed ones leave no hole.

    `lines` are those that it waits for, in order: None while that is not known yet,
    and they are counted up from 0 meanwhile.
    """

    step: Step
    takes_lots: bool
    lines: Sequence[int] | None = None
    _made: dict[int, list[Course]] = attrs.field(factory=dict, init=False)
    _ended: dict[int, None] = attrs.field(factory=dict, init=False)
    _place: int = attrs.field(default=0, init=False)  # of the first line not gathered
    _gathered: list[Member] = attrs.field(factory=list, init=False)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to come."""
        return self._is_complete and not self._gathered

    def take(self, course: Course) -> None:
        """Take in a unit that has outputs."""
        self._made.setdefault(course.origin.line, []).append(course)

    def end_line(self, line: int) -> None:
        """Let no more come of a line."""
        self._ended[line] = None

    def close(self, count: int) -> None:
        """Let there be `count` lines and no more."""
        self.lines = range(count)

    def leaving(self) -> Sequence[Lot]:
        """Return, once, the lots that can leave."""
        while not self._is_complete and self._line() in self._ended:
            self._gather(self._line())
            self._place += 1
        if not self.takes_lots:
            return self._take_all() if self._is_complete else ()
        sizes = [granule.size for granule, _ in self._gathered]
        made = lots(self._gathered, sizes, self.step)
        is_full = made and len(made[-1]) == self.step.max_batch_inputs
        if made and not (self._is_complete or is_full):
            self._gathered = list(made[-1])
            return made[:-1]
        self._gathered = []
        return made

    @property
    def _is_complete(self) -> bool:
        return self.lines is not None and self._place == len(self.lines)

    def _line(self) -> int:
        return self._place if self.lines is None else self.lines[self._place]

    def _gather(self, line: int) -> None:
        for course in sorted(self._made.pop(line, ()), key=lambda each: each.order):
            self._gathered.extend(
                (granule, course)
                for output in course.outputs
                for granule in output.granules
            )

    def _take_all(self) -> Sequence[Lot]:
        members, self._gathered = tuple(self._gathered), []
        return (members,) if members else ()
