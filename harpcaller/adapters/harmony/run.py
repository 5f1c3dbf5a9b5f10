"""The units of a request on their way: which one is tried next, and what it leads to.

At most `parallelism` batches are begun and not done; those go depth first, for then
there are outputs early.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import assert_never

from harpcaller.adapters.harmony.attempts import Attempt
from harpcaller.adapters.harmony.courses import Course, Origin, State
from harpcaller.adapters.harmony.endings import (
    Broken,
    Category,
    Empty,
    Ending,
    Succeeded,
)
from harpcaller.adapters.harmony.plan import Planner
from harpcaller.adapters.harmony.stages import Stages
from harpcaller.adapters.harmony.tally import Tally
from harpcaller.adapters.harmony.units import first_unit
from harpcaller.adapters.machine import Action, Answer, Cancel, Sleep, Slept

_UNMATCHED = "Could not match granule to a collection"


class Run:
    """Tries all units until each has ended; `ended` are those that just have."""

    def __init__(self, planner: Planner) -> None:
        self.ended: list[Course] = []
        self._planner = planner
        self._stages = Stages(planner)
        self._room = planner.judged.chain.parallelism
        steps = planner.judged.steps
        self.tally = Tally(len(steps))
        self._begun = 0 if steps else len(planner.batches)
        self._ready: list[tuple[int, tuple[int, ...], Course]] = []
        self._live: dict[str, Attempt] = {}  # by the key of the unit
        self._asleep: dict[str, Course] = {}  # by the key of the sleep
        self._is_stopped = False
        if steps:
            self.tally.know(1, len(planner.batches))

    @property
    def is_over(self) -> bool:
        """Whether nothing is open, nor will be."""
        is_begun = self._is_stopped or self._begun == len(self._planner.batches)
        return is_begun and not (self._live or self._asleep or self._ready)

    @property
    def is_calling(self) -> bool:
        """Whether a call runs, or waits in its queue."""
        return any(attempt.is_calling for attempt in self._live.values())

    def on(self, event: Answer) -> Sequence[Action]:
        """Return what to do now, before there is more to do."""
        if isinstance(event, Slept):
            self._push(self._asleep.pop(event.key))
            return []
        attempt = self._live[event.key.partition("/")[0]]
        if self._is_stopped:  # only calls still end
            attempt.count_out(event)
            del self._live[attempt.course.unit.key]
            self._cancel(attempt.course)
            return []
        actions = [*attempt.on(event)]
        if attempt.ending is not None:
            actions += self._over(attempt.course, attempt.ending)
        return actions

    def fill(self) -> Sequence[Action]:
        """Begin as many units as there is room for."""
        actions: list[Action] = []
        while not self._is_stopped and len(self._live) < self._room:
            course = self._next()
            if course is None:
                break
            actions += self._try(course)
        return actions

    def stop(self) -> Sequence[Action]:
        """Give up all that is open; calls that run will still end."""
        self._is_stopped = True
        actions: list[Action] = []
        for attempt in list(self._live.values()):
            actions += attempt.give_up()
            if not attempt.is_calling:
                del self._live[attempt.course.unit.key]
                self._cancel(attempt.course)
        actions += [Cancel(key=key) for key in self._asleep]
        for course in [*self._asleep.values(), *(each[2] for each in self._ready)]:
            self._cancel(course)
        self._asleep.clear()
        self._ready.clear()
        return actions

    # ── which is next ──
    def _push(self, course: Course) -> None:
        heapq.heappush(self._ready, (-course.unit.step, course.order, course))

    def _next(self) -> Course | None:
        if self._ready:
            return heapq.heappop(self._ready)[2]
        batches = self._planner.batches
        if self._begun == len(batches) or self._stages.flying >= self._room:
            return None
        number, self._begun = self._begun, self._begun + 1
        batch = batches[number]
        origin = Origin(
            line=number,
            batches=(number,),
            inputs=tuple(str(granule.listed["id"]) for granule in batch),
        )
        course = Course(
            unit=first_unit(number),
            step=self._planner.judged.steps[0],
            origin=origin,
            feed=self._planner.first_feed(batch),
        )
        self._stages.enter(course)
        return course

    def _try(self, course: Course) -> Sequence[Action]:
        assert course.feed is not None  # noqa: S101 (it has not ended)
        attempt = Attempt(self._planner, course, course.feed)
        self._live[course.unit.key] = attempt
        actions = attempt.begin()
        if attempt.ending is not None:
            return [*actions, *self._over(course, attempt.ending)]
        return actions

    # ── how it ended ──
    def _over(self, course: Course, ending: Ending) -> Sequence[Action]:
        del self._live[course.unit.key]
        match ending:
            case Succeeded():
                self._succeed(course)
            case Empty(text):
                course.state, course.text = State.WARNING, text
            case Broken() as broken:
                return self._break(course, broken)
            case _:
                assert_never(ending)
        self._end(course)
        return []

    def _succeed(self, course: Course) -> None:
        course.state = State.SUCCESSFUL
        granules = [each for output in course.outputs for each in output.granules]
        is_last = course.unit.step == len(self._planner.judged.steps)
        if not is_last and not all(granule.source for granule in granules):
            course.fail(Category.SERVICE, _UNMATCHED)

    def _break(self, course: Course, broken: Broken) -> Sequence[Action]:
        course.tries = course.tries.count(broken.again)
        limit = self._planner.settings.retry_limit
        wait_s = course.tries.wait_s(broken.again, limit)
        if wait_s is None:
            course.fail(broken.category, broken.text)
            self._end(course)
        elif wait_s == 0:
            self._push(course)
        else:
            key = f"{course.unit.key}/z{course.tries.attempts}"
            self._asleep[key] = course
            return [Sleep(key=key, seconds=wait_s)]
        return []

    def _cancel(self, course: Course) -> None:
        course.cancel()
        self.ended.append(course)

    def _end(self, course: Course) -> None:
        self.ended.append(course)
        self.tally.end(course)
        for follower in self._stages.leave(course):
            self.tally.know(follower.unit.step)
            self._push(follower)
        course.feed = None
