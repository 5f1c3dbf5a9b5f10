"""Reports our jobs to one monitor, in order; no job, reply or stop waits for it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final, Protocol, assert_never

import structlog
import trio

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.adapters.panoptes.reporting import Report, Workflow
from harpcaller.adapters.panoptes.reporting_dialect import Created, Dialect, Verdict
from harpcaller.adapters.panoptes.reporting_messages import Message
from harpcaller.dispatch.watching import (
    Feed,
    JobEnded,
    JobEvent,
    JobStarted,
    JobStreamed,
    JobSubmitted,
)
from harpcaller.meters import ReportCounts
from harpcaller.reporting.monitor import Misled, Monitor
from harpcaller.runners.outside.http_client import HttpClient
from harpcaller.runners.outside.http_messages import HttpSettings, NoAnswer
from protocol.jsontext import JsonValue

MAX_BACKLOG: Final = 10_000
FLUSH_S: Final = 2.0
TIMEOUT_S: Final = 5.0
MAX_TRIES: Final = 8  # of a message that is answered with an error
_BATCH: Final = 100  # events, then others have their turn
_ABSENT_S: Final = (30.0, 600.0)  # where no monitor is found: at first, at most
_AGAIN_S: Final = (1.0, 60.0)

log = structlog.get_logger()


class Listener(Protocol):
    """Whom it is told to: see `Monitor`."""

    dialect: Dialect | None

    async def find(self) -> bool:
        """Tell whether it runs."""

    def lose(self) -> None:
        """Have it found anew."""

    async def create(self, dialect: Dialect, name: str) -> Created | None:
        """Return a new workflow."""

    async def tell(self, dialect: Dialect, id_: str, message: Message) -> Verdict:
        """Tell of a workflow."""


class Reporter:
    """Gathers what becomes of jobs, and tells it to a monitor one by one.

    `clock` gives UTC seconds.
    """

    def __init__(
        self,
        report: Report,
        monitor: Listener,
        feed: Feed,
        clock: Callable[[], float],
    ) -> None:
        self._report = report
        self._monitor = monitor
        self._feed = feed
        self._clock = clock
        wants_packets = report.settings.report_packets
        self._watch = feed.watch(MAX_BACKLOG, with_packets=wants_packets)
        self._refused = 0
        self._tries = 0
        self._pause_s = 0.0
        self._is_over = False
        self._changed = trio.Event()

    def counts(self) -> ReportCounts:
        """Return what the monitor has not been told."""
        backlog = self._report.backlog
        return ReportCounts(
            backlog=len(backlog),
            dropped=backlog.dropped + self._watch.lost,
            refused=self._refused,
        )

    def told(self) -> dict[str, JsonValue]:
        """Return what an administrator is told of it."""
        dialect, counts = self._monitor.dialect, self.counts()
        return {
            "url": self._report.settings.url,
            "dialect": None if dialect is None else dialect.value,
            "backlog": counts.backlog,
            "dropped": counts.dropped,
            "refused": counts.refused,
            "workflows": [
                {"name": one.name, "id": one.id, "location": one.location}
                for one in self._report.workflows
            ],
        }

    async def run(self) -> None:
        """Report until cancelled, or until the monitor leads us astray."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._gather)
                await self._send()
        except* Misled as group:
            log.error("report.ended", reason=str(group.exceptions[0]))  # noqa: TRY400
        except* Exception:
            log.exception("report.crashed")
        finally:
            self._is_over = True
            self._feed.forget(self._watch)

    async def finish(self) -> None:
        """Tell what is left, as far as the monitor takes it at once."""
        self._take()
        self._report.close_all_idle(self._clock())
        with trio.move_on_after(FLUSH_S):
            while self._report.backlog and not self._pause_s and not self._is_over:
                self._tell_change()
                await self._changed.wait()

    async def _gather(self) -> None:
        while True:
            due = self._report.close_idle(self._clock())
            wait_s = math.inf if due is None else max(0.0, due - self._clock())
            self._tell_change()
            with trio.move_on_after(wait_s):
                await self._watch.wait()
            self._take(_BATCH)
            await trio.lowlevel.checkpoint()

    def _take(self, most: int | None = None) -> None:
        at = self._clock()
        for event in self._watch.take(most):
            self._handle(event, at)

    def _handle(self, event: JobEvent, at: float) -> None:
        report = self._report
        match event:
            case JobSubmitted(job=job):
                report.submitted(job, at)
            case JobStarted(job=job):
                report.started(job, at)
            case JobStreamed(job_id=job_id, texts=texts):
                report.streamed(job_id, texts, at)
            case JobEnded(job_id=job_id, outcome=outcome):
                report.ended(job_id, outcome, at)
            case _:
                assert_never(event)

    async def _send(self) -> None:
        while True:
            while not self._report.backlog:
                await self._changed.wait()
            try:
                await self._send_first()
            except NoAnswer as none:
                self._say_lost(none.text)
                await self._pause(_AGAIN_S)

    async def _send_first(self) -> None:
        dialect = self._monitor.dialect
        if dialect is None:
            if not await self._monitor.find():
                self._say_lost("nothing there is a monitor that runs")
                await self._pause(_ABSENT_S)
            return
        workflow, message = first = self._report.backlog.first()
        if workflow.id is None and not await self._create(dialect, workflow):
            self._monitor.lose()
            await self._pause(_AGAIN_S)
            return
        assert workflow.id is not None  # noqa: S101 (it was created)
        verdict = await self._monitor.tell(dialect, workflow.id, message)
        await self._judge(first, verdict)

    async def _create(self, dialect: Dialect, workflow: Workflow) -> bool:
        made = await self._monitor.create(dialect, workflow.name)
        if made is None:
            return False
        workflow.id, workflow.location = made.id, made.location
        log.info("report.opened", workflow=made.id, location=made.location)
        return True

    async def _judge(self, told: tuple[Workflow, Message], verdict: Verdict) -> None:
        self._tries += 1
        match verdict:
            case Verdict.TAKEN:
                told[0].is_known = True
                self._go_on(told)
            case Verdict.REFUSED:
                self._drop(told)
            case Verdict.AGAIN | Verdict.UNKNOWN if self._tries >= MAX_TRIES:
                self._drop(told)
            case Verdict.AGAIN:
                await self._pause(_AGAIN_S)
            case Verdict.UNKNOWN:
                self._report.forget(told[0], self._clock())
                await self._pause(_AGAIN_S)
            case _:
                assert_never(verdict)

    def _drop(self, told: tuple[Workflow, Message]) -> None:
        self._refused += 1
        self._go_on(told)

    def _go_on(self, told: tuple[Workflow, Message]) -> None:
        self._report.backlog.remove(told)
        self._tries, self._pause_s = 0, 0.0
        self._tell_change()

    def _say_lost(self, reason: str) -> None:
        if not self._pause_s:  # else it was said
            log.warning("report.delayed", reason=reason)

    async def _pause(self, bounds_s: tuple[float, float]) -> None:
        """Wait, longer each time until a message is taken."""
        first_s, most_s = bounds_s
        self._pause_s = min(max(first_s, 2 * self._pause_s), most_s)
        self._tell_change()
        await trio.sleep(self._pause_s * random.uniform(0.5, 1.5))  # noqa: S311

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def reporter(
    settings: ReportingSettings, feed: Feed, name: str, clock: Callable[[], float]
) -> Reporter:
    """Return what reports to a monitor; `name` is what workflows begin with."""
    http = HttpSettings(connect_timeout_s=TIMEOUT_S, timeout_s=TIMEOUT_S, concurrency=1)
    monitor = Monitor(settings, HttpClient(http))
    return Reporter(Report(settings, name, MAX_BACKLOG), monitor, feed, clock)
