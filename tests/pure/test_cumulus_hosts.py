"""Which host a call goes to, and which queue it waits in."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_list,
    a_message,
    carried_out,
    failure_of,
)


@pytest.mark.parametrize("concurrency", [0, -1, "x", True, None, 2.0])
def test_a_concurrency_has_to_be_a_count(concurrency: Any) -> None:
    """E12: before the call, with the path."""
    queue = {"name": {"p": "x"}, "concurrency": "{$.meta.c}"}
    task = {"name": "A", "host": "h", "queue": queue}

    case = a_case(a_list(task), message=a_message(meta={"c": concurrency}))
    world, _ = carried_out(case)
    type_, data = failure_of(case)

    assert (type_, data["path"]) == ("Cumulus.InvalidWorkflow", "queue.concurrency")
    assert world.calls == []


@pytest.mark.parametrize("host", ["evil", "@cumulus", 3, None, ["h1"]])
def test_a_message_must_not_choose_hosts(host: Any) -> None:
    """E13: only those that the operator allows."""
    task = {"name": "A", "host": "{$.meta.h}"}

    case = a_case(
        a_list(task),
        message=a_message(meta={"h": host}),
        config={"host_allow": ["h1", "h2"]},
    )
    world, _ = carried_out(case)
    type_, data = failure_of(case)

    assert (type_, data["path"]) == ("Cumulus.HostNotAllowed", "host")
    assert world.calls == []


def test_a_message_may_choose_among_allowed_hosts() -> None:
    """A template in a host is resolved like any other."""
    task = {"name": "A", "host": "h{meta.n}"}

    world, _ = carried_out(
        a_case(
            a_list(task),
            message=a_message(meta={"n": 2}),
            config={"host_allow": ["h1", "h2"]},
        )
    )

    assert world.calls[0]["host"] == "h2"


def test_executions_spread_over_hosts_and_stay_where_they_are() -> None:
    """C-6: 35 to 65 of 100 on each of two; all tasks of one on the same."""
    hosts = ["one", "two"]
    tasks = a_list({"name": "A", "host": hosts}, {"name": "B", "host": hosts})
    found = []
    for number in range(100):
        meta = {"execution_name": f"execution-{number}"}
        world, _ = carried_out(a_case(tasks, message={"cumulus_meta": meta}))
        first, second = (call["host"] for call in world.calls)
        assert first == second
        found.append(first)

    assert 35 <= found.count("one") <= 65


def test_without_an_execution_the_job_decides() -> None:
    """Two jobs of the same message need not share a host."""
    task = {"name": "A", "host": ["one", "two"]}
    case = a_case(a_list(task), message={"cumulus_meta": {}})

    hosts = set()
    for number in range(20):
        world, _ = carried_out(case | {"job_id": f"job-{number}"})
        hosts.add(world.calls[0]["host"])

    assert hosts == {"one", "two"}


def test_a_task_is_noted_in_the_message_if_that_is_wanted() -> None:
    """Its name, no version, and where it was called."""
    tasks = a_list(
        {"name": "A", "host": "{meta.h}", "procedure": "p"},
        {"name": "B", "host": ["x"]},
        {"name": "C", "host": "{$.meta.l}"},
    )
    message = a_message(meta={"h": "h1", "l": [1]})

    _, data = failure_of(
        a_case(
            tasks, message=message, config={"task_metadata": True, "host_allow": ["h1"]}
        )
    )

    noted = data["message"]["meta"]["workflow_tasks"]
    assert noted == {
        "0": {"name": "p", "version": None, "arn": "harp://h1/p"},
        "1": {"name": "B", "version": None, "arn": "harp://x/B"},
    }
