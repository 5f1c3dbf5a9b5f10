"""What a unit leads to: units of the next step, at once or when all have been gathered.

A stage goes on until a step that waits for all; the lines of the first stage are the
batches, those of a later one the lots that were gathered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harpcaller.adapters.harmony.bindings import Binding
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.conditions import is_aggregating, takes_lots
from harpcaller.adapters.harmony.courses import Course, Origin
from harpcaller.adapters.harmony.gathering import Gathering, Lot
from harpcaller.adapters.harmony.outputs import Output
from harpcaller.adapters.harmony.plan import Feed, Planner
from harpcaller.adapters.harmony.remaining import remaining
from harpcaller.adapters.harmony.units import Unit, aggregate_unit, next_unit


class Stages:
    """Knows which lines are open; `flying` is how many batches are."""

    def __init__(self, planner: Planner) -> None:
        self.flying = 0
        self._planner = planner
        self._steps = planner.judged.steps
        self._fields = planner.judged.message.fields
        self._gatherings = [
            Gathering(step, takes_lots=takes_lots(step, self._fields))
            for step in self._steps[1:]
            if is_aggregating(step, self._fields)
        ]
        self._lots = [0 for _ in self._gatherings]
        self._open: dict[tuple[int, int], int] = {}  # units by stage and line
        if self._gatherings:
            self._gatherings[0].lines = _original_order(planner)

    def enter(self, course: Course) -> None:
        """Count a unit in."""
        place = (self._stage(course.unit.step), course.origin.line)
        if place not in self._open and place[0] == 0:
            self.flying += 1
        self._open[place] = self._open.get(place, 0) + 1

    def leave(self, course: Course) -> Sequence[Course]:
        """Count a unit out that has ended; return the units that follow now."""
        followers = list(self._follow(course))
        for follower in followers:
            self.enter(follower)
        stage, line = self._stage(course.unit.step), course.origin.line
        self._open[stage, line] -= 1
        if self._open[stage, line]:
            return followers
        del self._open[stage, line]
        self.flying -= stage == 0
        return [*followers, *self._end_line(stage, line)]

    # ── within a line ──
    def _stage(self, position: int) -> int:
        steps = self._steps[1:position]
        return sum(is_aggregating(step, self._fields) for step in steps)

    def _follow(self, course: Course) -> Iterator[Course]:
        position = course.unit.step
        if not course.outputs or position == len(self._steps):
            return
        step = self._steps[position]
        if is_aggregating(step, self._fields):
            self._gatherings[self._stage(position)].take(course)
            return
        for number, output in enumerate(course.outputs):
            if output.granules:
                yield self._follower(course, step, number, output)

    def _follower(
        self, course: Course, step: Step, number: int, output: Output
    ) -> Course:
        binding = self._binding(step)
        origin = course.origin
        return Course(
            unit=next_unit(course.unit, number),
            step=step,
            origin=Origin(
                line=origin.line,
                way=(*origin.way, number),
                batches=origin.batches,
                inputs=origin.inputs,
            ),
            feed=Feed(
                granules=output.granules,
                sources=output.sources(is_shared=binding.is_shared),
                left=self._left(binding, [course.message]),
            ),
        )

    # ── from stage to stage ──
    def _end_line(self, stage: int, line: int) -> list[Course]:
        if stage == len(self._gatherings):
            return []
        self._gatherings[stage].end_line(line)
        return self._gather(stage)

    def _gather(self, stage: int) -> list[Course]:
        """Return the units of the lots that leave a stage now."""
        gathering = self._gatherings[stage]
        made = [self._aggregate(stage, lot) for lot in gathering.leaving()]
        for course in made:
            self.enter(course)
        if gathering.is_over and stage + 1 < len(self._gatherings):
            self._gatherings[stage + 1].close(self._lots[stage])
            made += self._gather(stage + 1)
        return made

    def _aggregate(self, stage: int, lot: Lot) -> Course:
        step = self._gatherings[stage].step
        number = self._lots[stage]
        self._lots[stage] += 1
        makers = list({course.unit.key: course for _, course in lot}.values())
        return Course(
            unit=self._aggregate_unit(step, number),
            step=step,
            origin=Origin(
                line=number,
                batches=_together([maker.origin.batches for maker in makers]),
                inputs=_together([maker.origin.inputs for maker in makers]),
            ),
            feed=Feed(
                granules=tuple(granule for granule, _ in lot),
                left=self._left(
                    self._binding(step), [maker.message for maker in makers]
                ),
            ),
        )

    def _aggregate_unit(self, step: Step, number: int) -> Unit:
        return aggregate_unit(self._steps.index(step) + 1, number)

    def _binding(self, step: Step) -> Binding:
        return self._planner.settings.binding(self._planner.judged.chain, step)

    def _left(
        self, binding: Binding, left: Sequence[Mapping[str, Any] | None]
    ) -> Mapping[str, Any] | None:
        return None if binding.is_flow_declared else remaining(self._fields, left)


def _original_order(planner: Planner) -> Sequence[int]:
    """Return the batches in the order of the granules: they were split by source."""
    places = {id(granule): at for at, granule in enumerate(planner.judged.granules)}
    firsts = [places[id(batch[0])] for batch in planner.batches]
    return sorted(range(len(firsts)), key=lambda number: firsts[number])


def _together(parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(member for part in parts for member in part))
