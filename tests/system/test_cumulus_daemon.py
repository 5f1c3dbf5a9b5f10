"""Cumulus workflows through the daemon: real calls on a real worker."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from daemon_process import unmeasured
from eventually import wait_until
from ingest import MESSAGE, SECRET, Ingest, put, running_ingest

URLS = [{"url": "https://p1/a.hdf", "version": "1"}]
OBJECTS = [{"Bucket": "b", "Key": "a.hdf"}]
PROCEDURES = f"""
@procedure(info=True)
def discover(input, config, cumulus_config=None, *, info):
    tell("begun", "discover", info)
    return {URLS}

@procedure(info=True)
def sync(input, config, cumulus_config=None, *, info):
    tell("begun", "sync", info)
    return {OBJECTS}

@procedure(info=True)
def mrf(input, config, cumulus_config=None, *, info):
    tell("begun", "mrf", info)
    return {{"mrf": "m"}}

@procedure(info=True)
def slow(input, config, cumulus_config=None, *, info):
    tell("begun", "slow", info)
    time.sleep(60)

@procedure(info=True)
def nap(input, config, cumulus_config=None, *, info):
    tell("begun", "nap", info)
    time.sleep(0.1)
    tell("ended", "nap", info)

@procedure
def quote(input, config, cumulus_config=None):
    raise ValueError("cannot log in with " + config["url"])

@procedure
def repeat(input, config, cumulus_config=None):
    return config
"""


def task(name: str, **more: Any) -> dict[str, Any]:
    """Return a task on the worker."""
    return {"name": name, "host": "w", **more}


PROVIDER = {"name": {"provider": "{meta.provider.id}"}, "concurrency": 2}
NAPS = [task(f"nap{n}", procedure="nap", queue=PROVIDER) for n in range(3)]
DEFINITIONS: Mapping[str, Any] = {
    "MrfIngest": {
        "name": "MrfIngest",
        "tasks": [
            task("discover", output_format="remote-urls"),
            task("sync", input_format="remote-urls", output_format="s3-objects"),
            task("mrf"),
        ],
    },
    "Slow": {"name": "Slow", "tasks": [task("discover"), task("slow"), task("mrf")]},
    "Waiting": {
        "name": "Waiting",
        "tasks": [
            task("discover"),
            task("nap", queue={"name": {"q": 1}, "concurrency": 1}),
            task("mrf"),
        ],
    },
    "Blocker": {
        "name": "Blocker",
        "tasks": [task("slow", queue={"name": {"q": 1}, "concurrency": 1})],
    },
    "Naps": {"name": "Naps", "tasks": NAPS},
    "Quote": {
        "name": "Quote",
        "tasks": [
            task("quote", task_config={"url": "https://u:{$.meta.cmr.password}@p1"})
        ],
    },
    "Repeat": {
        "name": "Repeat",
        "tasks": [task("repeat", task_config={"cmr": "{$.meta.cmr}"})],
    },
}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """Run one dispatcher for all that leave it as it is."""
    folder = tmp_path_factory.mktemp("ingest")
    with running_ingest(folder, DEFINITIONS, PROCEDURES) as running:
        yield running


@pytest.fixture
def own_ingest(tmp_path: Path) -> Iterator[Ingest]:
    """Run one that may be killed and changed."""
    with running_ingest(tmp_path, DEFINITIONS, PROCEDURES) as running:
        yield running


def words(ingest: Ingest, job_id: str) -> list[str]:
    """Return what kinds of notes a workflow made."""
    return [note["cumulus"] for note in ingest.notes(job_id)]


def wait_for_child(ingest: Ingest, job_id: str, number: int) -> str:
    """Return the id of a call that a workflow makes, once it has made it."""
    wait_until(lambda: len(ingest.children(job_id)) > number)
    return ingest.children(job_id)[number]


def begun(ingest: Ingest, job_id: str) -> int:
    """Return how often the worker began the calls of a workflow."""
    children = ingest.children(job_id)
    return sum(line[0] == "begun" and line[1] in children for line in ingest.told())


def test_a_workflow_runs_by_netcat(ingest: Ingest) -> None:
    """C-11: three calls in order, the message as the specification demands."""
    job_id = ingest.submit("MrfIngest")

    outcome = ingest.outcome(job_id)

    assert outcome == {"result": {**MESSAGE, "payload": {"mrf": "m"}}}
    children = ingest.children(job_id)
    ran = [line[2] for line in ingest.told() if line[1] in children]
    assert ran == ["discover", "sync", "mrf"]
    assert words(ingest, job_id) == ["started"] + ["call", "answered"] * 3
    for child in children:
        info = ingest.daemon.ask({"get_status": child})["info"]
        assert info["parent"] == job_id
    assert not any("a.hdf" in json.dumps(packet) for packet in ingest.packets(job_id))


def test_a_cancel_ends_the_call_that_runs(own_ingest: Ingest) -> None:
    """C-15: the worker hears of it, and the next call is never made."""
    ingest = own_ingest
    job_id = ingest.submit("Slow")
    child = wait_for_child(ingest, job_id, 1)
    wait_until(lambda: begun(ingest, job_id) == 2)

    reply = ingest.daemon.ask({"cancel": job_id})

    assert reply == {"cancelled": True}
    assert ingest.outcome(job_id) == {"cancelled": True}
    assert ingest.outcome(child) == {"cancelled": True}
    assert len(ingest.children(job_id)) == 2
    wait_until(lambda: ingest.harpd.verb("calls").stdout == "")


def test_a_cancel_ends_the_call_that_waits(own_ingest: Ingest) -> None:
    """C-15: in its queue it is as much the parent's as when it runs."""
    ingest = own_ingest
    blocker = ingest.submit("Blocker")
    wait_for_child(ingest, blocker, 0)
    job_id = ingest.submit("Waiting")
    child = wait_for_child(ingest, job_id, 1)

    ingest.daemon.ask({"cancel": job_id})

    assert ingest.outcome(child) == {"cancelled": True}
    assert ingest.outcome(job_id) == {"cancelled": True}
    ingest.daemon.ask({"cancel": blocker})


def test_a_task_that_ran_at_a_kill_is_lost(own_ingest: Ingest) -> None:
    """C-16: it may have done its work; the message to go on with is told."""
    ingest = own_ingest
    job_id = ingest.submit("Slow")
    child = wait_for_child(ingest, job_id, 1)
    wait_until(lambda: begun(ingest, job_id) == 2)

    ingest.daemon.restart()
    outcome = ingest.outcome(job_id)

    assert outcome["exception"]["type"] == "HarpCaller.Lost"
    assert ingest.outcome(child)["error"]["type"] == "missing_result"
    assert outcome["exception"]["data"]["task"] == "slow"
    assert outcome["exception"]["data"]["message"]["payload"] == URLS
    assert begun(ingest, job_id) == 2


def test_a_task_that_waited_at_a_kill_runs_once(own_ingest: Ingest) -> None:
    """C-16: and the workflow ends as if nothing had happened."""
    ingest = own_ingest
    blocker = ingest.submit("Blocker")
    wait_for_child(ingest, blocker, 0)
    job_id = ingest.submit("Waiting")
    wait_for_child(ingest, job_id, 1)

    ingest.daemon.restart()  # the blocker's call is lost, and its place free
    outcome = ingest.outcome(job_id)

    assert outcome["result"]["payload"] == {"mrf": "m"}
    assert begun(ingest, job_id) == 3


def test_a_stream_reads_the_same_after_the_end(own_ingest: Ingest) -> None:
    """C-18: as who followed it live, also when the daemon was killed meanwhile."""
    ingest = own_ingest
    job_id = ingest.submit("Waiting")
    seen: list[Any] = []
    follower = threading.Thread(target=ingest.follow, args=(job_id, seen))
    follower.start()
    wait_for_child(ingest, job_id, 1)

    ingest.daemon.restart()
    follower.join()
    ingest.follow(job_id, seen)  # from where the connection broke

    ingest.outcome(job_id)  # nothing follows it
    assert ingest.packets(job_id) == seen
    assert len(seen) > 4


def test_a_providers_queue_bounds_the_tasks_of_all_workflows(ingest: Ingest) -> None:
    """C-17: never more than two of them at a time, and all end."""
    began_at = len(ingest.told())

    jobs = [ingest.submit("Naps") for _ in range(10)]

    assert all("result" in ingest.outcome(job_id) for job_id in jobs)
    running = most = 0
    for event, *_ in ingest.told()[began_at:]:
        running += 1 if event == "begun" else -1
        most = max(most, running)
    assert most == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"queue": {"name": {"cumulus": "task", "a": 1}}},
        {"timeout": 10},
        {"retries": 1},
    ],
)
def test_what_no_parent_may_have_is_refused(
    ingest: Ingest, fields: Mapping[str, Any]
) -> None:
    """C-17: a parent in its children's queue would wait for them for ever."""
    reply = ingest.ask_for("MrfIngest", {"message": MESSAGE}, **fields)

    assert reply["error"]["type"] == "invalid_request"


def test_a_secret_is_seen_by_the_worker_and_the_submitter_alone(
    own_ingest: Ingest,
) -> None:
    """C-19: in a URL that a template made, and quoted in an exception."""
    ingest = own_ingest
    quoting = ingest.submit("Quote")
    outcome = ingest.outcome(quoting)
    repeating = ingest.submit("Repeat")
    result = ingest.outcome(repeating)

    told: list[Any] = [ingest.packets(quoting), ingest.packets(repeating)]
    for child in (*ingest.children(quoting), *ingest.children(repeating)):
        told += [ingest.outcome(child), ingest.daemon.ask({"get_status": child})]
    told += [ingest.daemon.ask({"get_status": job}) for job in (quoting, repeating)]

    assert SECRET in json.dumps(result["result"]["payload"])
    assert outcome["exception"]["type"] == "ValueError"
    assert SECRET not in json.dumps(told)
    assert SECRET not in ingest.daemon.log.read_text()


def test_with_mask_result_nothing_is_left_on_disk(tmp_path: Path) -> None:
    """C-19: at most a minute after the end."""
    table = "mask_result = true\n"
    with running_ingest(tmp_path, DEFINITIONS, PROCEDURES, table=table) as ingest:
        job_id = ingest.submit("Quote")
        outcome = ingest.outcome(job_id)

        assert SECRET not in json.dumps(outcome)
        wait_until(lambda: not holders(ingest.daemon.state_dir), within_s=60)


def holders(folder: Path) -> list[str]:
    """Return the names of the files that hold the secret."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if SECRET.encode() in file.read_bytes()]


def test_a_bad_file_among_good_ones_changes_nothing(own_ingest: Ingest) -> None:
    """C-9: it is named, with the place and what was expected there."""
    ingest = own_ingest
    workflows = ingest.daemon.directory.parent / "workflows"
    job_id = ingest.submit("Waiting")
    definition = DEFINITIONS["Waiting"]
    put(workflows / "Waiting.json", {**definition, "tasks": [task("mrf")]})
    put(workflows / "Bad.json", {"name": "Bad", "tasks": [{"name": "x", "hots": "w"}]})

    refused = ingest.verb("reload")
    checked = ingest.check()
    (workflows / "Bad.json").unlink()
    done = ingest.verb("reload")

    assert refused.returncode == 1
    assert "Bad.json" in refused.stderr
    assert "hots" in refused.stderr
    assert checked.returncode == 1
    assert "Bad.json" in checked.stdout
    assert done.returncode == 0
    assert len(ingest.children(job_id)) <= 3
    assert ingest.outcome(job_id)["result"]["payload"] == {"mrf": "m"}
    assert begun(ingest, job_id) == 3  # by the definition that it began with
    assert len(ingest.children(finished(ingest, "Waiting"))) == 1


def finished(ingest: Ingest, workflow: str) -> str:
    """Return the id of a workflow that has run to its end."""
    job_id = ingest.submit(workflow)
    assert "result" in ingest.outcome(job_id)
    return job_id


@pytest.mark.alone
def test_large_messages_do_not_hold_the_loop(tmp_path: Path) -> None:
    """C-22: others are answered meanwhile."""
    message = {**MESSAGE, "meta": {"many": [[n] for n in range(60_000)]}}
    slowest_s = 0.0
    with running_ingest(
        tmp_path, DEFINITIONS, PROCEDURES, below=unmeasured()
    ) as ingest:
        jobs = [ingest.submit("MrfIngest", message) for _ in range(3)]
        for _ in range(40):
            began_at = time.monotonic()
            ingest.daemon.ask({"get_status": ingest.submit("Quote")})
            slowest_s = max(slowest_s, time.monotonic() - began_at)
            time.sleep(0.02)

        assert all("result" in ingest.outcome(job_id) for job_id in jobs)
    print(f"the slowest answer took {1e3 * slowest_s:.0f} ms")  # noqa: T201
    assert slowest_s < 2
