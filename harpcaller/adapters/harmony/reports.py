"""What a request tells of itself while it runs: notes, items, progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from harpcaller.adapters.harmony import notes
from harpcaller.adapters.harmony.chains import last_segment
from harpcaller.adapters.harmony.courses import Course, State
from harpcaller.adapters.harmony.delivery import Delivery, Message
from harpcaller.adapters.harmony.endings import Category
from harpcaller.adapters.harmony.granules import Granule
from harpcaller.adapters.harmony.plan import Planner
from harpcaller.adapters.harmony.publishing import (
    NotPublished,
    Published,
    Publisher,
)
from harpcaller.adapters.harmony.record import Record
from harpcaller.adapters.harmony.requests import Options
from harpcaller.adapters.harmony.results import with_extent
from harpcaller.adapters.harmony.settings import Dialect
from harpcaller.adapters.harmony.tally import Tally
from harpcaller.adapters.harmony.verdicts import (
    Losses,
    Verdict,
    asynchronous,
    failure,
    synchronous,
)
from harpcaller.adapters.machine import Action

_ALONE_S: Final = 1.0  # between posts that have nothing but progress


class Reports:
    """Tells of units as they end; knows how the request stands."""

    def __init__(
        self, planner: Planner, tally: Tally, delivery: Delivery, options: Options
    ) -> None:
        judged = planner.judged
        self.record = Record(warnings=[*judged.warnings])
        self.losses = Losses(
            total=len(planner.batches) + len(judged.unusable),
            alone=len(judged.unusable),
        )
        for each in judged.unusable:
            self.losses.note(Category.NO_RETRY, each.text)
        self._planner = planner
        self._tally = tally
        self._delivery = delivery
        self._options = options
        is_silent = delivery.callback is None
        self._dialect = Dialect.NONE if is_silent else options.dialect
        self._is_posting = not (is_silent or judged.is_sync)
        may_stream = options.sync_stream and judged.is_sync
        self._publisher = Publisher(
            href_map=planner.settings.href_map,
            mime=judged.message.fields["format"].get("mime", ""),
            file_places=_file_places(planner, is_silent, may_stream),
        )
        self._published: list[Published] = []  # of a request that somebody waits for
        self._percent = 0
        self._told = 0
        self._told_at = 0.0

    @property
    def is_posting(self) -> bool:
        """Whether Harmony hears of the request before its end."""
        return self._is_posting

    def begin(self) -> list[Action]:
        """Return what is noted first."""
        texts = self._planner.judged.warnings
        return [notes.accepted(self._planner), *map(notes.warning, texts)]

    # ── units ──
    def end(self, course: Course) -> list[Action]:
        """Tell of a unit that has ended."""
        published: Sequence[Published] = ()
        is_last = course.unit.step == len(self._planner.judged.steps)
        if course.state is State.SUCCESSFUL and is_last:
            published = self._publish(course)
        self.record.courses.append(course)
        if course.state is State.FAILED and course.category is not None:
            self.losses.note(course.category, course.text or "")
        if course.state is State.WARNING:
            self.record.warnings.append(course.text)
        told: list[Action] = [notes.ended(course, len(published))]
        if course.state is not State.CANCELLED:
            told += self._rise()
            self._send_items(published, course.origin.batches)
        return told

    def pass_on(self) -> list[Action]:
        """Tell of inputs that are the outputs: no step has to run."""
        request_id = self._planner.judged.message.request_id
        batches = self._planner.batches
        told: list[Action] = []
        for number, batch in enumerate(batches):
            try:
                published = self._publisher.publish(batch)
            except NotPublished as error:
                self._tally.lose([number])
                self.losses.note(Category.SERVICE, str(error))
                continue
            self.record.add_unchanged(published, request_id)
            self.record.granules.extend(batch)
            if number == len(batches) - 1:
                told += self._rise()
            self._send_items(published, (number,))
        return told

    def _publish(self, course: Course) -> Sequence[Published]:
        """Return the outputs of a unit of the last step; it fails if it cannot be."""
        planner = self._planner
        inputs = [
            granule
            for batch in course.origin.batches
            for granule in planner.batches[batch]
        ]
        granules = [
            with_extent(_with_source(granule, inputs[0].source), inputs)
            for output in course.outputs
            for granule in output.granules
        ]
        try:
            published = self._publisher.publish(granules)
        except NotPublished as error:
            image = last_segment(course.step.image)
            course.fail(Category.SERVICE, f"{image}: {error}")
            self._tally.disown(course)
            return ()
        binding = planner.settings.binding(planner.judged.chain, course.step)
        request_id = planner.judged.message.request_id
        self.record.add(published, course, binding, request_id)
        self.record.granules.extend(granules)
        return published

    # ── posts ──
    def _send_items(
        self, published: Sequence[Published], batches: tuple[int, ...]
    ) -> None:
        if not self._is_posting:
            self._published.extend(published)
            return
        for number, each in enumerate(published, start=1):
            parameters = [*each.parameters]
            if number == len(published) and self._percent > self._told:
                parameters.append(self._progress())
            self._delivery.send(Message(parameters=parameters, batches=batches))

    def _rise(self) -> list[Action]:
        settings = self._planner.settings
        percent = self._tally.percent(count_locator=settings.count_locator)
        if percent <= self._percent:
            return []
        self._percent = percent
        return [notes.progress(percent)]

    def _progress(self) -> tuple[str, str]:
        self._told = self._percent
        return "progress", str(self._percent)

    def tell_progress(self, at: float, *, is_probe: bool = False) -> None:
        """Have the progress posted alone: if it rose, or to see if all is wanted."""
        is_due = self._percent > self._told and at - self._told_at >= _ALONE_S
        if self._is_posting and self._delivery.is_idle and (is_due or is_probe):
            self._told_at = at
            self._delivery.send(Message(parameters=[self._progress()]))

    def take_refused(self) -> list[Action]:
        """Take in what Harmony did not take; return what is noted of it."""
        told: list[Action] = []
        for message, text in self._delivery.refused:
            told.append(notes.warning(text))
            self.record.warnings.append(text)
            if message.batches:
                self.losses.note(Category.SERVER, text)
                self._tally.lose(message.batches)
        self._delivery.refused.clear()
        return told

    # ── the end ──
    def verdict(self) -> Verdict:
        """Return how the request ends, now that all of it has ended."""
        if self.losses.category is not None:
            text = self.losses.sentence(len(self._tally.failed_batches))
            return failure(self._dialect, self.losses.category, text)
        if self._planner.judged.is_sync:
            return synchronous(
                self._dialect, self._published, may_stream=self._options.sync_stream
            )
        return asynchronous(
            self._dialect,
            self._options.nodata,
            self.record.courses,
            len(self.record.outputs),
        )


def _file_places(
    planner: Planner, is_silent: bool, may_stream: bool
) -> tuple[str, ...]:
    """Return where outputs may be files: anywhere if only the outcome tells of them.

    What is streamed is in the directory that we share.
    """
    if is_silent:
        return ("/",)
    work_dir = planner.settings.work_dir
    return (f"{work_dir}/",) if may_stream and work_dir is not None else ()


def _with_source(granule: Granule, source: str) -> Granule:
    return granule if granule.source else attrs.evolve(granule, source=source)
