"""How a monitor that does not listen is waited for, and what it holds up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import attrs
import pytest
import structlog
import trio
from dispatching import a_dispatcher
from scripted_runner import ScriptedRunner, a_call, hang
from trio.testing import MockClock

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.adapters.panoptes.reporting import Report
from harpcaller.adapters.panoptes.reporting_dialect import Created, Dialect, Verdict
from harpcaller.adapters.panoptes.reporting_messages import Message
from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.reporting.reporter import MAX_TRIES, Reporter
from harpcaller.runners.outside.http_messages import NoAnswer

GONE = NoAnswer("Unreachable", "nobody there")
JOB = ["job_info", "job_started", "job_finished", "progress"]


@attrs.define
class Scripted:
    """A monitor that says what it is told to, then what a good one does."""

    finds: list[Any] = attrs.field(factory=list)
    creates: list[Any] = attrs.field(factory=list)
    tells: list[Any] = attrs.field(factory=list)
    dialect: Dialect | None = None
    found_at: list[float] = attrs.field(factory=list)
    heard: list[tuple[float, str]] = attrs.field(factory=list)
    names: list[str] = attrs.field(factory=list)

    async def find(self) -> bool:
        self.found_at.append(trio.current_time())
        is_there: bool = await _next(self.finds, True)
        self.dialect = Dialect.M1 if is_there else None
        return is_there

    def lose(self) -> None:
        self.dialect = None

    async def create(self, dialect: Dialect, name: str) -> Created | None:
        self.names.append(name)
        made: Created | None = await _next(
            self.creates, Created(id=str(len(self.names)), location=None)
        )
        return made

    async def tell(self, dialect: Dialect, id_: str, message: Message) -> Verdict:
        self.heard.append((trio.current_time(), message.level))
        verdict: Verdict = await _next(self.tells, Verdict.TAKEN)
        return verdict

    @property
    def levels(self) -> list[str]:
        """What it heard."""
        return [level for _, level in self.heard]


async def _next(script: list[Any], usual: Any) -> Any:
    await trio.lowlevel.checkpoint()
    said = script.pop(0) if script else usual
    if isinstance(said, Exception):
        raise said
    if said is trio.sleep_forever:
        await trio.sleep_forever()
    return said


@asynccontextmanager
async def reporting(
    monitor: Scripted, **settings: Any
) -> AsyncIterator[tuple[Dispatcher, Reporter]]:
    """Report to `monitor` for the block."""
    async with a_dispatcher(ScriptedRunner(hang=hang)) as dispatcher:
        given = ReportingSettings(url="http://m/", **settings)
        report = Report(given, "d", 10)
        reporter = Reporter(report, monitor, dispatcher.feed, trio.current_time)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reporter.run)
            yield dispatcher, reporter
            nursery.cancel_scope.cancel()


def gaps(times: Iterable[float]) -> list[float]:
    """Return what lies between them."""
    found = list(times)
    return [later - earlier for earlier, later in pairwise(found)]


async def test_a_monitor_that_is_not_there_is_looked_for_less_and_less(
    autojump_clock: MockClock,
) -> None:
    """For half a minute at first, for ten at last; what waits is told then."""
    monitor = Scripted(finds=[False] * 8)
    async with reporting(monitor) as (dispatcher, _):
        await dispatcher.submit(a_call("nap"))
        await trio.sleep(10_000)

    waits = gaps(monitor.found_at)
    assert len(waits) == 8
    for wait_s, expected_s in zip(waits, (30, 60, 120, 240, 480, 600), strict=False):
        assert 0.5 * expected_s <= wait_s <= 1.5 * expected_s
    assert monitor.levels == [*JOB, "workflow_success"]


async def test_a_monitor_that_went_away_is_asked_again_soon(
    autojump_clock: MockClock,
) -> None:
    """It was just restarted, as a rule; nothing is lost, and it is said once."""
    monitor = Scripted(tells=[GONE, GONE, Verdict.AGAIN])
    with structlog.testing.capture_logs() as logs:
        async with reporting(monitor) as (dispatcher, _):
            await dispatcher.submit(a_call("nap"))
            await trio.sleep(100)

    assert monitor.levels == ["job_info"] * 3 + [*JOB, "workflow_success"]
    assert sum(gaps(at for at, _ in monitor.heard[:4])) < 1.5 * (1 + 2 + 4)
    assert [one["event"] for one in logs].count("report.delayed") == 1


async def test_a_message_that_is_never_taken_stops_no_other(
    autojump_clock: MockClock,
) -> None:
    """It may be the one that a monitor cannot stomach."""
    monitor = Scripted(tells=[Verdict.AGAIN] * MAX_TRIES)
    async with reporting(monitor) as (dispatcher, reporter):
        await dispatcher.submit(a_call("nap"))
        await trio.sleep(1000)

        assert reporter.told()["refused"] == 1
    assert monitor.levels[MAX_TRIES:] == [*JOB[1:], "workflow_success"]


async def test_a_monitor_that_makes_no_workflow_is_looked_at_anew(
    autojump_clock: MockClock,
) -> None:
    """It may be another one by now."""
    monitor = Scripted(creates=[None, GONE])
    async with reporting(monitor) as (dispatcher, _):
        await dispatcher.submit(a_call("nap"))
        await trio.sleep(100)

    assert len(monitor.found_at) == 2
    assert len(set(monitor.names)) == 1
    assert monitor.levels == [*JOB, "workflow_success"]


async def test_a_monitor_that_forgets_all_the_time_is_not_flooded(
    autojump_clock: MockClock,
) -> None:
    """Live jobs are told again once it has taken something."""
    monitor = Scripted(tells=[Verdict.UNKNOWN] * (3 * MAX_TRIES))
    async with reporting(monitor) as (dispatcher, reporter):
        await dispatcher.submit(a_call("hang"))
        await trio.sleep(500)

        assert reporter.told()["backlog"] == 0
    assert len(monitor.heard) == 2 * MAX_TRIES


async def test_a_backlog_is_bounded_and_keeps_the_ends(
    autojump_clock: MockClock,
) -> None:
    """A monitor that is away for a week must not fill the memory."""
    monitor = Scripted(finds=[False] * 3)
    async with reporting(monitor) as (dispatcher, reporter):
        for _ in range(8):
            await dispatcher.submit(a_call("nap"))
        await trio.sleep(20)
        told = reporter.told()
        await trio.sleep(1000)

    assert (told["backlog"], told["dropped"]) == (10, 8 * 4 - 10)
    assert monitor.levels.count("job_finished") == 8


async def test_a_bug_of_ours_ends_reporting_and_nothing_else(
    autojump_clock: MockClock,
) -> None:
    """Jobs go on, and the log says what it was."""
    monitor = Scripted(tells=[ValueError("a bug")])
    with structlog.testing.capture_logs() as logs:
        async with reporting(monitor) as (dispatcher, reporter):
            await dispatcher.submit(a_call("nap"))
            await trio.sleep(10)
            await reporter.finish()

            assert dispatcher.running_count == 0
    assert [one["event"] for one in logs].count("report.crashed") == 1


@pytest.mark.parametrize(
    ("script", "most_s"), [([GONE] * 99, 0), ([trio.sleep_forever], 2)]
)
async def test_a_stop_waits_two_seconds_at_most(
    script: list[Any], most_s: float, autojump_clock: MockClock
) -> None:
    """Not at all for a monitor that is known to be away."""
    monitor = Scripted(tells=script)
    async with reporting(monitor) as (dispatcher, reporter):
        await dispatcher.submit(a_call("nap"))
        await trio.sleep(10)
        began = trio.current_time()

        await reporter.finish()

        assert trio.current_time() - began <= most_s


async def test_a_stop_tells_what_can_be_told(autojump_clock: MockClock) -> None:
    """A workflow that is over is closed, however long it could have been open."""
    monitor = Scripted()
    async with reporting(monitor, idle_close_s=10**6) as (dispatcher, reporter):
        await dispatcher.submit(a_call("nap"))
        await trio.sleep(10)

        await reporter.finish()

        assert monitor.levels == [*JOB, "workflow_success"]
