"""What a monitor is told of our jobs, and when a workflow begins and ends."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.adapters.monitors import GroupBy, ReportingSettings
from harpcaller.adapters.panoptes.reporting import MONITORS, Report, Workflow
from harpcaller.adapters.panoptes.reporting_backlog import Backlog, Rank
from harpcaller.adapters.panoptes.reporting_messages import Message, text_of
from protocol.job import JobId, JobSeen
from protocol.jsontext import NULL, JsonText, encode
from protocol.outcome import Cancelled, Failed, Raised, Returned

DONE = Returned(NULL)
BROKEN = Raised(type="broken", message="no disk")


def seen(number: int, queue: str | None = None, **more: Any) -> JobSeen:
    """Return a job."""
    given = {
        "job_id": JobId(f"job-{number}"),
        "host": "web1",
        "procedure": "ping",
        "arguments": encode({"n": number}),
        "queue": None if queue is None else encode({"q": queue}),
        "info": NULL,
        **more,
    }
    return JobSeen(**given)


def a_report(most: int = 1000, **settings: Any) -> Report:
    """Return one of a dispatcher named `d`."""
    return Report(ReportingSettings(url="http://m/", **settings), "d", most)


def told(report: Report) -> list[tuple[Workflow, Message]]:
    """Return what waits to be told, and take it out."""
    found = []
    while report.backlog:
        found.append(report.backlog.first())
        report.backlog.remove(found[-1])
    return found


def levels(report: Report) -> list[str]:
    """Return what kinds of messages wait, and take them out."""
    return [message.level for _, message in told(report)]


def test_a_job_that_waits_is_not_told_of() -> None:
    """A monitor has no word for it; but it counts."""
    report = a_report()

    report.submitted(seen(1), 0)
    report.submitted(seen(2), 0)
    report.started(seen(1), 1)
    report.ended(JobId("job-1"), DONE, 2)

    *_, (_, progress) = told(report)
    assert progress.more == {"done": 1, "total": 2}


def test_a_job_is_told_from_start_to_end() -> None:
    """In the order of Snakemake, which monitors know."""
    report = a_report()

    report.submitted(seen(1), 0)
    report.started(seen(1), 1)
    report.ended(JobId("job-1"), DONE, 2)
    assert report.close_idle(31.9) == 32
    assert report.close_idle(32) is None

    assert levels(report) == [
        "job_info",
        "job_started",
        "job_finished",
        "progress",
        "workflow_success",
    ]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (BROKEN, "broken: no disk"),
        (Failed(type="timeout", message="silent"), "timeout: silent"),
        (Cancelled(), "cancelled: it was asked for"),
    ],
)
def test_an_end_that_is_no_result_is_an_error(outcome: Any, text: str) -> None:
    """And the workflow of it is no success, nor ever done."""
    report = a_report()

    report.started(seen(1), 1)
    report.ended(JobId("job-1"), outcome, 2)
    report.close_idle(100)

    found = told(report)
    assert [message.level for _, message in found[2:]] == ["job_error", "progress"]
    assert found[2][1].more == {"msg": text}
    assert found[3][1].more == {"done": 0, "total": 1}


def test_what_was_cancelled_while_it_waited_is_introduced_first() -> None:
    """A monitor knows no job that it was not told of."""
    report = a_report()

    report.submitted(seen(1), 0)
    report.ended(JobId("job-1"), Cancelled(), 1)

    assert levels(report) == ["job_info", "job_error", "progress"]


def test_a_queue_is_a_workflow_as_long_as_it_is_busy() -> None:
    """An endless one would show Done while it works."""
    report = a_report()
    report.started(seen(1, "disk"), 0)
    report.started(seen(2, "net"), 0)
    report.started(seen(3), 0)
    report.ended(JobId("job-1"), DONE, 10)
    report.started(seen(4, "disk"), 20)
    assert report.close_idle(100) is None
    report.ended(JobId("job-4"), DONE, 101)
    report.close_idle(131)
    report.started(seen(5, "disk"), 140)

    names = [workflow.name for workflow in dict(told(report))]

    assert names == [
        'd/{"q":"disk"}/1970-01-01T00:00:00.000+00:00',
        'd/{"q":"net"}/1970-01-01T00:00:00.000+00:00',
        "d/default/1970-01-01T00:00:00.000+00:00",
        'd/{"q":"disk"}/1970-01-01T00:02:20.000+00:00',
    ]
    assert len(report.workflows) == 3


def test_the_first_to_close_is_looked_at_first() -> None:
    """Whoever waits for the last would be late for the others."""
    report = a_report()
    for number, ended_at in ((1, 5), (2, 3), (3, 9)):
        report.started(seen(number, str(number)), 0)
        report.ended(JobId(f"job-{number}"), DONE, ended_at)

    assert report.close_idle(10) == 33
    assert report.close_idle(33) == 35


@pytest.mark.parametrize(
    ("group_by", "info", "key"),
    [
        (GroupBy.JOB, {"workflow": "w"}, "job-1"),
        (GroupBy.WORKFLOW, {"workflow": "w"}, "w"),
        (GroupBy.WORKFLOW, {"workflow": {"n": 1}}, '{"n":1}'),
        (GroupBy.WORKFLOW, {"workflow": None}, '{"q":"disk"}'),
        (GroupBy.WORKFLOW, ["workflow"], '{"q":"disk"}'),
        (GroupBy.QUEUE, {"workflow": "w"}, '{"q":"disk"}'),
    ],
)
def test_jobs_are_grouped_as_configured(group_by: GroupBy, info: Any, key: str) -> None:
    """What belongs together is for the operator to say."""
    report = a_report(group_by=group_by)

    report.started(seen(1, "disk", info=encode(info)), 0)

    assert report.workflows[0].name.split("/")[1] == key


def test_jobs_of_monitors_are_not_reported() -> None:
    """Two dispatchers that report to each other would never end."""
    report = a_report()
    job = seen(1, host=MONITORS)

    report.submitted(job, 0)
    report.started(job, 0)
    report.streamed(job.job_id, [NULL], 0)
    report.ended(job.job_id, DONE, 1)

    assert levels(report) == []
    assert report.workflows == ()


def test_arguments_and_packets_are_told_where_that_is_wished() -> None:
    """And not more of them than a monitor can show."""
    report = a_report(report_arguments=True)
    report.started(seen(1, arguments=JsonText(b'"' + b"x" * 5000 + b'"')), 0)
    report.streamed(JobId("job-1"), [JsonText(b'"' + b"y" * 5000 + b'"')], 1)

    found = [message for _, message in told(report)]

    assert [len(one) for one in found[0].job.input] == [1024]
    assert len(str(found[2].more["msg"])) == 4096


def test_arguments_are_told_to_nobody_unasked() -> None:
    """They may be anybody's business."""
    report = a_report()

    report.started(seen(1), 0)

    [(_, info), _] = told(report)
    assert info.for_m1()["input"] == []


def test_of_a_job_with_secrets_neither_packets_nor_messages_are_told() -> None:
    """Its worker may say them again; how it ended is no secret."""
    report = a_report(report_packets=True)
    report.started(seen(1, has_secrets=True), 0)
    report.streamed(JobId("job-1"), [encode("secret")], 1)
    report.ended(JobId("job-1"), Raised(type="broken", message="secret"), 2)

    found = [message for _, message in told(report)]

    assert [one.level for one in found][2:] == ["job_error", "progress"]
    assert found[2].more == {"msg": "broken: its arguments are sealed"}


def test_a_job_that_starts_again_is_the_same_one() -> None:
    """A retry is no other job."""
    report = a_report()

    report.started(seen(1), 0)
    report.started(seen(1), 1)

    assert {message.job.number for _, message in told(report)} == {1}
    assert report.workflows[0].total == 1


def test_at_a_stop_what_is_idle_is_closed() -> None:
    """What waits goes on with the next start, and is no success yet."""
    report = a_report()
    report.started(seen(1, "a"), 0)
    report.ended(JobId("job-1"), DONE, 1)
    report.submitted(seen(2, "b"), 0)
    levels(report)

    report.close_all_idle(2)

    assert levels(report) == ["workflow_success"]
    assert len(report.workflows) == 1


def test_a_workflow_that_was_lost_is_told_of_again_once() -> None:
    """A monitor that forgets everything at once gets no flood."""
    report = a_report()
    report.started(seen(1), 0)
    report.started(seen(2), 0)
    report.submitted(seen(3), 0)
    [(workflow, _), *_] = told(report)
    workflow.id, workflow.is_known = "7", True
    report.ended(JobId("job-2"), DONE, 1)

    report.forget(workflow, 2)
    report.forget(workflow, 3)

    assert workflow.id is None
    assert levels(report) == ["job_info", "job_started", "job_finished", "progress"]


def test_what_nobody_told_of_is_not_ours() -> None:
    """It began before we watched."""
    report = a_report()

    report.ended(JobId("job-9"), DONE, 0)
    report.streamed(JobId("job-9"), [NULL], 0)

    assert levels(report) == []


def test_a_full_backlog_loses_talk_first_and_ends_last() -> None:
    """A monitor can do without packets, not without ends."""
    backlog: Backlog[str] = Backlog(4)
    backlog.put("course", Rank.COURSE)
    backlog.put("talk 1", Rank.TALK)
    backlog.put("talk 2", Rank.TALK)
    backlog.put("end 1", Rank.END)

    for number in range(2, 6):
        backlog.put(f"end {number}", Rank.END)

    kept = []
    while backlog:
        kept.append(backlog.first())
        backlog.remove(kept[-1])
    assert kept == ["end 2", "end 3", "end 4", "end 5"]
    assert backlog.dropped == 4


def test_what_was_dropped_while_it_was_told_needs_no_removing() -> None:
    """The next thing must not go in its place."""
    backlog: Backlog[str] = Backlog(1)
    backlog.put("old", Rank.TALK)
    told_now = backlog.first()
    backlog.put("new", Rank.END)

    backlog.remove(told_now)

    assert backlog.first() == "new"


def test_what_comes_first_is_told_first_in_its_turn() -> None:
    """A lost workflow begins with its jobs."""
    backlog: Backlog[str] = Backlog(9)
    backlog.put("c", Rank.END)
    backlog.put_first("b", Rank.COURSE)
    backlog.put_first("a", Rank.COURSE)

    found = []
    while backlog:
        found.append(backlog.first())
        backlog.remove(found[-1])

    assert found == ["a", "b", "c"]


def test_text_of_ends_is_short() -> None:
    """A monitor shows it in a line."""
    assert len(text_of(Raised(type="t", message="m" * 5000))) == 1000
    assert text_of(DONE) == "returned"
