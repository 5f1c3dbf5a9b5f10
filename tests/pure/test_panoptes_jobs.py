"""The jobs of a workflow, from what its client says of them."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.adapters.panoptes.jobs import MAX_STARTED, JobState, JobTable

INFO = {"level": "job_info", "jobid": 1, "name": "a", "input": ["x"], "log": []}


def states(*messages: dict[str, Any]) -> dict[str, str]:
    """Return the states of all jobs after messages."""
    table = taken(*messages)
    return {key: job.state.value for key, job in table.jobs.items()}


def taken(*messages: dict[str, Any]) -> JobTable:
    """Return the table after messages, one a second."""
    table = JobTable()
    for at, message in enumerate(messages):
        table.take(message, float(at))
    running = sum(job.is_running for job in table.jobs.values())
    assert table.is_any_running == (running > 0)
    assert table.count(JobState.RUNNING) == running
    return table


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([INFO], {"1": "Running"}),
        ([INFO, {"level": "job_finished", "jobid": 1}], {"1": "Done"}),
        ([INFO, {"level": "job_error", "jobid": 1}], {"1": "Error"}),
        ([INFO, {"level": "job_error", "jobid": 1}, INFO], {"1": "Running"}),
        (
            [{"level": "job_started", "jobs": [2, "3", None, True]}],
            {"2": "Running", "3": "Running"},
        ),
        ([{"level": "job_started", "jobs": 3}], {}),
        ([{"level": "info"}, {"jobid": None}, {"jobid": [1]}], {}),
        ([{"jobid": "new"}], {"new": "Running"}),
        ([{"jobid": 0}], {"0": "Running"}),
        ([{"jobid": 0, "level": "error"}], {"0": "Error"}),
        ([{"jobid": 0, "status": "pending"}], {"0": "Pending"}),
        ([{"jobid": 0, "status": "Completed"}], {"0": "Done"}),
        ([{"jobid": 0, "status": "cancelled"}], {"0": "Cancelled"}),
        ([{"jobid": 0, "status": "strange"}], {"0": "Running"}),
        ([{"jobid": 0, "status": 7}], {"0": "Running"}),
        ([{"jobid": 0, "status": "error"}, {"jobid": 0}], {"0": "Error"}),
        ([{"jobid": "1"}, {"jobid": 1, "status": "completed"}], {"1": "Done"}),
    ],
)
def test_each_message_moves_its_job(
    messages: list[dict[str, Any]], expected: dict[str, str]
) -> None:
    """MW-2: ids are compared as text, and clients need not be Snakemake."""
    assert states(*messages) == expected


def test_one_message_starts_so_many_jobs() -> None:
    """P6: a message that lists all that fit in it would hold everybody up."""
    many = {"level": "job_started", "jobs": [*range(MAX_STARTED + 1)]}

    table = taken(many)

    assert table.count(JobState.RUNNING) == len(table.jobs) == MAX_STARTED
    assert str(MAX_STARTED) not in table.jobs


def test_jobs_are_counted_by_where_they_are() -> None:
    """The counts are asked for at every update, so nobody goes through all jobs."""
    failed = {"jobid": 1, "level": "job_error"}

    table = taken(INFO, {**INFO, "jobid": 2}, failed, failed)
    again = taken(INFO, failed, INFO)

    assert [table.count(state) for state in (JobState.RUNNING, JobState.ERROR)] == [
        1,
        1,
    ]
    assert (table.failed(), again.failed()) == (["1"], [])


def test_what_is_known_of_a_job_is_merged() -> None:
    """What a message leaves out, or leaves empty, stays."""
    more = {"level": "job_finished", "jobid": 1, "output": ["y"], "name": None}

    table = taken(INFO, more)

    job = table.jobs["1"]
    assert job.fields == {"name": "a", "input": ["x"], "output": ["y"]}
    assert (job.started_at, job.ended_at) == (0.0, 1.0)
    assert table.failed() == []


def test_a_job_that_runs_again_begins_anew() -> None:
    """A retry is no longer job."""
    error = {"level": "job_error", "jobid": 1}

    job = taken(INFO, error, INFO).jobs["1"]

    assert (job.started_at, job.ended_at) == (2.0, None)
    assert taken(INFO, error).failed() == ["1"]
