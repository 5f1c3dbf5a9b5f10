"""What a call to the adapter does: a whole workflow, one task of it, or a dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from harpcaller.adapters.cumulus.ending import failed, finish
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.execution import Execution, Steps
from harpcaller.adapters.cumulus.faults import fault_of_error
from harpcaller.adapters.cumulus.info import execution_name
from harpcaller.adapters.cumulus.message import odd_source, unwrap
from harpcaller.adapters.cumulus.preparing import nested_event
from harpcaller.adapters.cumulus.submission import (
    RESOLVE,
    TASK,
    Submission,
)
from harpcaller.adapters.cumulus.task_visit import Ready, call_of, ready
from harpcaller.adapters.cumulus.walk import Walk, WentWrong
from harpcaller.adapters.cumulus.workflow import Task
from harpcaller.adapters.machine import Action, End
from protocol.call import Call, unseal
from protocol.jsontext import JsonValue, decode, encode
from protocol.outcome import Outcome, Returned

NONE: Final = "None"
_ODD_SOURCE: Final = "expected sfn, stdin or local"

Procedure: TypeAlias = Callable[[Execution, Submission], Steps[Outcome]]


def steps_of(execution: Execution, submission: Submission) -> Steps[Sequence[Action]]:
    """Carry out what was submitted; the last step says how it ended."""
    procedure = _PROCEDURES.get(submission.procedure, _carry_out)
    try:
        outcome = yield from procedure(execution, submission)
    except CumulusError as error:
        visit = execution.visit
        document = submission.message if visit is None else visit.came_in
        outcome = failed(execution, WentWrong(fault_of_error(error), document))
    return execution.taken(End(outcome))


def _carry_out(execution: Execution, submission: Submission) -> Steps[Outcome]:
    """Carry a message through a workflow, or a part of one."""
    workflow = execution.workflow
    _note_start(execution, submission)
    start_at = submission.start_at or workflow.start_at
    document = submission.message
    if submission.start_at is not None:
        document = _begun_again(document)
    return (yield from _walk(execution, start_at, submission.stop_after, document))


def _run_task(execution: Execution, submission: Submission) -> Steps[Outcome]:
    """Carry a message through one task."""
    task = str(submission.task)
    _note_start(execution, submission)
    return (yield from _walk(execution, task, task, submission.message))


def _note_start(execution: Execution, submission: Submission) -> None:
    workflow = execution.workflow
    message, _ = unwrap(submission.message)
    execution.execution_name = execution_name(message)
    execution.secrets.learn_from(submission.message)
    execution.note(
        "started",
        {
            "workflow": workflow.name,
            "execution_name": execution.execution_name,
            "tasks": [task.name for task in workflow.tasks],
            "start_at": submission.start_at or submission.task,
        },
    )
    if odd_source(message):
        path = "cumulus_meta.message_source"
        execution.note("warning", {"path": path, "problem": _ODD_SOURCE})


def _walk(
    execution: Execution, start_at: str, stop_after: str | None, document: JsonValue
) -> Steps[Outcome]:
    start = execution.workflow.states[start_at]
    if not isinstance(start, Task) or start.parameters is not None:
        document, _ = unwrap(document)  # for its paths; a task sees to it by itself
    walked = yield from Walk(execution, stop_after).go(start_at, document)
    if isinstance(walked, WentWrong):
        return failed(execution, walked)
    return (yield from finish(execution, walked.document))


def _resolve(execution: Execution, submission: Submission) -> Steps[Outcome]:
    """Return what the call of a task would be; nothing is called or stored."""
    name = str(submission.task)
    task = execution.workflow.states[name]
    assert isinstance(task, Task)  # noqa: S101 (`check_names` saw to it)
    visit = execution.enter(name, submission.message)
    at = yield from ready(execution, visit, task)
    call = call_of(execution, visit, at, 0)
    told: JsonValue = {"event": _event(execution, at, call), "call": _told(call)}
    return Returned(encode(execution.secrets.masked(told)))


def _event(execution: Execution, at: Ready, call: Call) -> JsonValue:
    if at.prepared is None:
        return decode(unseal(call.arguments, call.sealed))
    return nested_event(at.prepared, execution.rules.max_resolved_bytes)


def _told(call: Call) -> JsonValue:
    told: dict[str, JsonValue] = {
        "host": call.host,
        "procedure": call.procedure,
        "arguments": decode(call.arguments),
        "timeout": call.timeout_s,
        "max_exec_time": call.max_exec_s,
        "sealed": [sealed.pointer for sealed in call.sealed],
        "info": decode(call.info),
    }
    if call.queue is not None:
        told["queue"] = {
            "name": decode(call.queue.name),
            "concurrency": call.queue.concurrency,
        }
    return {key: value for key, value in told.items() if value is not None}


def _begun_again(message: JsonValue) -> JsonValue:
    """Return a message whose exception is that of an earlier run no more."""
    inner: Any = message
    match inner:
        case {"cma": {"event": dict(event)} as wrapper}:
            return {"cma": {**wrapper, "event": _begun_again(event)}}
        case {"exception": _}:
            return {**inner, "exception": NONE}
        case _:
            return message


_PROCEDURES: Final[Mapping[str, Procedure]] = {TASK: _run_task, RESOLVE: _resolve}
