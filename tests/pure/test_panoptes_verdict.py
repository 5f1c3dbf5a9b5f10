"""How a workflow seems to have ended: the table of messages, and when it is written."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import Rename, make_update
from harpcaller.adapters.panoptes.verdict import MAX_ERRORS, Judge, Mark, Verdict
from harpcaller.adapters.panoptes.workflow import (
    ACCEPTED,
    DROPPED,
    DUPLICATE,
    FULL,
    UNCHANGED,
    Workflow,
)
from protocol.call import Call
from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import Failed, Outcome, Raised, Returned

SETTINGS = Settings()
CALL = Call(host="@panoptes", procedure="workflow", arguments=JsonText(b"{}"))

RUNS = {"level": "job_info", "jobid": 1, "name": "a"}
STARTED = {"level": "job_started", "jobs": [2, "3"]}
FINISHED = {"level": "job_finished", "jobid": 1}
FAILED = {"level": "job_error", "jobid": 1}
ERROR = {"level": "error", "msg": "RuleException"}
LAST = {"level": "error", "msg": "WorkflowError: it failed"}
PART = {"level": "progress", "done": 1, "total": 3}
ALL = {"level": "progress", "done": 3, "total": 3}
SUCCESS = {"level": "workflow_success"}
NOTHING = {"level": "info", "msg": "Nothing to be done (all requested files are here)."}
DRY = {"level": "info", "msg": "This was a dry-run (flag -n). The order"}
LOG = {"level": "info", "msg": "Complete log: .snakemake/log/x.log"}
TALK = {"level": "info", "msg": "Building DAG of jobs..."}


def judged(*messages: dict[str, Any]) -> Judge:
    """Return what is thought after messages."""
    return of(*messages).judge


def of(*messages: dict[str, Any]) -> Workflow:
    """Return a workflow that was sent messages."""
    workflow = Workflow(CALL)
    for number, message in enumerate(messages):
        update = make_update(message, {}, float(number))
        taken = workflow.offer(update, SETTINGS)
        assert taken.word == ACCEPTED
        workflow.take(update.packet)
    return workflow


@pytest.mark.parametrize(
    ("messages", "verdict", "mark"),
    [
        ([], None, Mark.NONE),
        ([TALK, RUNS, FINISHED, PART], None, Mark.NONE),
        ([RUNS, ALL], Verdict.COMPLETED, Mark.NONE),
        ([ALL, RUNS], None, Mark.NONE),
        ([ALL, STARTED], None, Mark.NONE),
        ([RUNS, SUCCESS], Verdict.COMPLETED, Mark.HARD),
        ([SUCCESS], Verdict.NO_EXECUTION, Mark.HARD),
        ([RUNS, SUCCESS, RUNS], Verdict.COMPLETED, Mark.HARD),
        ([RUNS, ERROR], Verdict.FAILED, Mark.NONE),
        ([RUNS, LAST], Verdict.FAILED, Mark.SOFT),
        ([RUNS, LAST, RUNS], None, Mark.NONE),
        ([RUNS, ERROR, RUNS, ALL], Verdict.COMPLETED, Mark.NONE),
        ([NOTHING], Verdict.NO_EXECUTION, Mark.NONE),
        ([DRY], Verdict.NO_EXECUTION, Mark.HARD),
        ([RUNS, LOG], Verdict.INTERRUPTED, Mark.HARD),
        ([RUNS, ALL, LOG], Verdict.COMPLETED, Mark.HARD),
        ([RUNS, ERROR, LOG, LAST], Verdict.FAILED, Mark.HARD),
        ([RUNS, FAILED], None, Mark.NONE),
        ([{"level": "progress", "done": 0, "total": 0}], None, Mark.NONE),
        ([{"level": "progress", "done": True, "total": 1}], None, Mark.NONE),
        ([{"level": "progress"}], None, Mark.NONE),
        ([{"msg": "no level"}], None, Mark.NONE),
        ([{"level": 7, "msg": None}], None, Mark.NONE),
        ([{"level": "shellcmd", "msg": "WorkflowError"}], None, Mark.NONE),
    ],
)
def test_each_message_says_what_it_says(
    messages: list[dict[str, Any]], verdict: Verdict | None, mark: Mark
) -> None:
    """MW-3: a retry may follow an error, and nothing says that a run is over."""
    judge = judged(*messages)

    assert (judge.verdict, judge.mark) == (verdict, mark)


@pytest.mark.parametrize(
    ("messages", "after_s"),
    [
        ([TALK, RUNS], SETTINGS.give_up_s),
        ([RUNS, SUCCESS], SETTINGS.linger_s),
        ([RUNS, LAST], SETTINGS.quiet_running_s),
        ([RUNS, FAILED, LAST], SETTINGS.linger_s),
        ([RUNS, FINISHED, ALL], SETTINGS.quiet_s),
        ([RUNS, ERROR], SETTINGS.give_up_s),
        ([RUNS, ERROR, FAILED], SETTINGS.quiet_s),
    ],
)
def test_the_outcome_is_written_after_so_much_silence(
    messages: list[dict[str, Any]], after_s: float
) -> None:
    """MW-4: with --keep-going another job may run silently for hours."""
    assert of(*messages).due(SETTINGS).after_s == after_s


def test_nothing_is_waited_for_longer_than_until_it_is_given_up() -> None:
    """Whatever the settings say of the rest."""
    settings = attrs.evolve(SETTINGS, quiet_s=100, give_up_s=7)

    assert of(ALL).due(settings).after_s == 7


@pytest.mark.parametrize(
    ("messages", "outcome"),
    [
        (
            [RUNS, FINISHED, ALL],
            {"result": {"status": "completed", "jobs_done": 3, "jobs_total": 3}},
        ),
        (
            [NOTHING],
            {"result": {"status": "noexec", "jobs_done": 0, "jobs_total": 0}},
        ),
        (
            [RUNS, FINISHED, STARTED, {"level": "job_error", "jobid": "2"}, ERROR],
            {
                "type": "WorkflowError",
                "message": "RuleException",
                "failed": ["2"],
                "errors": ["RuleException"],
                "counts": [1, 3],
            },
        ),
        (
            [RUNS, FINISHED, PART, LOG],
            {
                "type": "WorkflowInterrupted",
                "message": "1 of 3 steps done",
                "failed": [],
                "errors": [],
                "counts": [1, 3],
            },
        ),
    ],
)
def test_the_outcome_tells_why(messages: list[dict[str, Any]], outcome: Any) -> None:
    """MW-5: failed jobs are those at the end; an error may come before its job's."""
    assert told(of(*messages).due(SETTINGS).outcome) == outcome


def told(outcome: Outcome) -> Any:
    """Return an outcome in short."""
    if isinstance(outcome, Returned):
        return {"result": decode(outcome.value)}
    assert isinstance(outcome, Raised)
    assert outcome.data is not None
    data: Any = decode(outcome.data)
    return {
        "type": outcome.type,
        "message": outcome.message,
        "failed": data["failed"],
        "errors": data["errors"],
        "counts": [data["jobs_done"], data["jobs_total"]],
    }


def test_a_workflow_that_falls_silent_is_given_up() -> None:
    """MW-4: it is no success, and nobody knows more."""
    outcome = of(RUNS).due(SETTINGS).outcome

    assert isinstance(outcome, Failed)
    assert outcome.type == "timeout"
    assert outcome.data == encode({"limit": "timeout"})


def test_errors_are_kept_in_bounds() -> None:
    """A run may fail a million times, with a megabyte of words each."""
    long = {"level": "error", "msg": "x" * 10**5}

    judge = judged(*[long] * (MAX_ERRORS + 5), {"level": "error", "log": "by log"})

    assert len(judge.errors) == MAX_ERRORS
    assert len(judge.errors[0]) == 4096
    assert judged({"level": "error", "log": "by log"}).errors == ["by log"]


def test_a_message_that_comes_again_is_known() -> None:
    """PL-10: Snakemake 8 sends each twice; also before the first one is durable."""
    workflow = Workflow(CALL)
    update = make_update({"level": "info", "timestamp": 1.0}, {}, 1.0)
    equal = make_update({"level": "info"}, {}, 1.0)

    words = [workflow.offer(update, SETTINGS).word for _ in range(2)]
    workflow.take(update.packet)
    words.append(workflow.offer(update, SETTINGS).word)

    assert words == [ACCEPTED, DUPLICATE, DUPLICATE]
    assert [workflow.offer(equal, SETTINGS).word for _ in range(2)] == [ACCEPTED] * 2


def test_the_window_of_what_is_known_is_short() -> None:
    """It is rebuilt from the log, and costs no more for a long run."""
    workflow = Workflow(CALL)
    updates = [make_update({"timestamp": float(n)}, {}, 1.0) for n in range(17)]
    for update in updates:
        workflow.offer(update, SETTINGS)
        workflow.take(update.packet)

    words = [workflow.offer(update, SETTINGS).word for update in updates[:2]]

    assert words == [ACCEPTED, DUPLICATE]


def test_levels_may_be_dropped_at_the_door() -> None:
    """MW-8: most of what 7.x sends is for debugging."""
    settings = attrs.evolve(SETTINGS, drop_levels=frozenset({"debug"}))
    update = make_update({"level": "debug"}, {}, 1.0)

    taken = Workflow(CALL).offer(update, settings)

    assert (taken.word, taken.packets) == (DROPPED, ())


@pytest.mark.parametrize("limit", [{"max_packets": 2}, {"max_bytes": 100}])
def test_a_log_that_is_full_says_so_once(limit: dict[str, Any]) -> None:
    """S-7: the client is not told to stop, it would end its run."""
    settings = attrs.evolve(SETTINGS, **limit)
    workflow, words = Workflow(CALL), []
    log: list[JsonText] = []
    for _ in range(5):
        taken = workflow.offer(make_update({"jobid": 1}, {}, 1.5), settings)
        words.append(taken.word)
        log += taken.packets
        for packet in taken.packets:
            workflow.take(packet)

    again = Workflow(CALL)
    for packet in log:
        again.take(packet)

    assert words == [ACCEPTED, ACCEPTED, FULL, FULL, FULL]
    assert json.loads(log[-1]) == {"truncated": True, "received": 1.5}
    assert len(log) == 3
    rename = Rename(changes={"name": "x"}, received=1.0)
    assert again.offer(rename, settings).word == UNCHANGED
    assert again.offer(make_update({}, {}, 1.0), settings).word == FULL


@pytest.mark.parametrize(
    "settings",
    [Settings(max_packets=2), Settings(max_bytes=110)],
    ids=["packets", "bytes"],
)
def test_names_count_as_updates_do(settings: Settings) -> None:
    """S-7: or a client could fill the disk with names."""
    workflow = Workflow(CALL)

    words = []
    for number in range(3):
        rename = Rename(changes={"name": f"name-{number:09}"}, received=1.0)
        taken = workflow.offer(rename, settings)
        words.append(taken.word)
        for packet in taken.packets:
            workflow.take(packet)

    assert words == [ACCEPTED, ACCEPTED, UNCHANGED]
    assert workflow.name == "name-000000001"


def test_packets_of_others_change_nothing() -> None:
    """Whoever feeds a workflow by other ways is not to break it."""
    workflow = Workflow(CALL)

    workflow.take(JsonText(b'{"received":"soon","more":[1]}'))
    workflow.take(JsonText(b'{"workflow":{"name":7}}'))

    assert workflow.packets == 2
    assert workflow.name is None
    assert workflow.judge.verdict is None
    assert workflow.pace(SETTINGS) == 200
