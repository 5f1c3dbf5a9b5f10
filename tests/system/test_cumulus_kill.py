"""`kill -9` at any instant of a workflow: nothing runs twice, and nothing is lost."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from daemon_process import unmeasured
from ingest import MESSAGE, Ingest, running_ingest
from torment import campaign, seed

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]

KILLS = 50
LONGEST_S = 0.9  # about as long as the workflow takes
TASKS = ("one", "two", "three", "four", "five")
PROCEDURES = """
@procedure(info=True)
def work(input, config, cumulus_config=None, *, info):
    tell("begun", config["task"], info)
    time.sleep(config["nap"])
    tell("ended", config["task"], info)
    return [*(input or []), config["task"]]
"""


def task(name: str) -> dict[str, Any]:
    """Return a task that adds its name to the payload."""
    config = {"task": name, "nap": "{$.meta.nap}"}
    return {"name": name, "host": "w", "procedure": "work", "task_config": config}


DEFINITION = {"name": "Five", "tasks": [task(name) for name in TASKS]}


def a_message(number: int) -> dict[str, Any]:
    """Return the message of one round."""
    meta = {**MESSAGE["meta"], "nap": 0.08}
    return {**MESSAGE, "meta": meta, "payload": [str(number)]}


def test_kills_at_random_instants_break_no_workflow(tmp_path: Path) -> None:
    """If no task ran at the kill all is as without; else it is told, and goes on."""
    chance = random.Random(seed())  # noqa: S311 (to be repeated, not secret)

    with running_ingest(
        tmp_path, {"Five": DEFINITION}, PROCEDURES, below=unmeasured()
    ) as ingest:
        lost = 0
        for number in range(campaign(KILLS)):
            job_id = ingest.submit("Five", a_message(number))
            time.sleep(chance.uniform(0, LONGEST_S))
            ingest.daemon.restart()
            lost += survive(ingest, job_id, number)
        begun = Counter(line[1] for line in ingest.told() if line[0] == "begun")
        assert max(begun.values()) == 1
        print(f"{campaign(KILLS)} kills, {lost} while a task ran")  # noqa: T201


def survive(ingest: Ingest, job_id: str, number: int) -> bool:
    """Check the end of a workflow; tell whether a task of its was lost."""
    undisturbed = {**a_message(number), "payload": [str(number), *TASKS]}
    outcome = ingest.outcome(job_id)
    if "result" in outcome:
        assert outcome["result"] == undisturbed
        assert tasks_begun(ingest, job_id) == list(TASKS)
        return False
    exception = outcome["exception"]
    assert exception["type"] == "HarpCaller.Lost"
    was_running(ingest, job_id, exception)
    data: Mapping[str, Any] = exception["data"]
    again = ingest.submit("Five", data["message"], start_at=data["task"])
    assert ingest.outcome(again) == {"result": {**undisturbed, "exception": "None"}}
    left = list(TASKS[TASKS.index(data["task"]) :])
    assert tasks_begun(ingest, again) == left
    return True


def was_running(ingest: Ingest, job_id: str, exception: Mapping[str, Any]) -> None:
    """Check that the last call was the one that ran when the daemon was killed."""
    children = ingest.children(job_id)
    assert exception["data"]["job_id"] == children[-1]
    for child in children[:-1]:
        assert "result" in ingest.outcome(child), json.dumps(exception)
    assert ingest.outcome(children[-1])["error"]["type"] == "missing_result"


def tasks_begun(ingest: Ingest, job_id: str) -> list[str]:
    """Return which tasks the worker has begun for a workflow, in order."""
    children = ingest.children(job_id)
    lines = (line for line in ingest.told() if line[0] == "begun")
    return [line[2] for line in lines if line[1] in children]
