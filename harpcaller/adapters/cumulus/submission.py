"""What a call to the adapter asks for: a workflow, or one of our own procedures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus.errors import INVALID_MESSAGE, CumulusError
from harpcaller.adapters.cumulus.workflow import Task, Workflow
from harpcaller.adapters.parts import Part
from protocol.call import Call
from protocol.jsontext import JsonValue, decode

TASK: Final = "cumulus.task"
RESOLVE: Final = "cumulus.resolve"
VALIDATE: Final = "cumulus.validate"
UNKNOWN_WORKFLOW: Final = "Cumulus.UnknownWorkflow"
UNKNOWN_TASK: Final = "Cumulus.UnknownTask"

_OF_WORKFLOWS: Final = ("message", "start_at", "stop_after")
_OF_ONE_TASK: Final = ("message", "task", "workflow")
_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    TASK: _OF_ONE_TASK,
    RESOLVE: _OF_ONE_TASK,
    VALIDATE: ("message", "workflow"),
}


@attrs.frozen(kw_only=True)
class Submission:
    """The arguments of a call; `at` is where the message stands in them.

    `workflow` is None where neither the call nor its message names one.
    """

    procedure: str
    workflow: str | None
    message: JsonValue = attrs.field(repr=False)
    at: str
    start_at: str | None = None
    stop_after: str | None = None
    task: str | None = None


def read_submission(call: Call) -> Submission:
    """Return what a call asks for.

    Raises:
        CumulusError: Cumulus.InvalidMessage, Cumulus.UnknownTask.
    """
    arguments: Any = decode(call.arguments)
    at = "message"
    if isinstance(arguments, list) and len(arguments) == 1:
        arguments, at = {"message": arguments[0]}, "0"
    if not isinstance(arguments, dict) or "message" not in arguments:
        raise CumulusError(INVALID_MESSAGE, "arguments: expected a message")
    known = _ARGUMENTS.get(call.procedure, _OF_WORKFLOWS)
    names = _read_names(arguments, known)
    message = arguments["message"]
    if call.procedure not in _ARGUMENTS:
        names["workflow"] = call.procedure
    if known is _OF_ONE_TASK and names["task"] is None:
        raise CumulusError(UNKNOWN_TASK, "task: expected the name of one", path="task")
    workflow = names.pop("workflow") or named_workflow(message)
    return Submission(
        procedure=call.procedure, workflow=workflow, message=message, at=at, **names
    )


def _read_names(arguments: Any, known: tuple[str, ...]) -> dict[str, Any]:
    part = Part(arguments, "", [])
    part.refuse_unknown(known)
    names = {name: part.text(name) for name in known if name != "message"}
    for problem in part.problems:
        message = f"{problem.place}: {problem.message}"
        raise CumulusError(INVALID_MESSAGE, message, path=problem.place)
    return names


def unwrapped(message: JsonValue) -> JsonValue:
    """Return the message within a `cma` wrapper, or the message itself."""
    match message:
        case {"cma": {"event": dict(event)}}:
            return event
        case _:
            return message


def named_workflow(message: JsonValue) -> str | None:
    """Return the workflow that a message names, if it does."""
    match unwrapped(message):
        case {"cumulus_meta": {"workflow_name": str(name)}} if name:
            return name
        case {"meta": {"workflow_name": str(name)}} if name:
            return name
        case {"cumulus_meta": {"state_machine": str(arn)}} if arn:
            return arn.rpartition(":")[2]
        case _:
            return None


def unknown_workflow(name: str | None) -> CumulusError:
    """Return the complaint about a workflow that is not there, or was not named."""
    if name is None:
        message = "workflow: expected a name, in the call or in the message"
    else:
        message = f'there is no workflow "{name}"'
    return CumulusError(UNKNOWN_WORKFLOW, message, path="workflow")


def check_names(submission: Submission, workflow: Workflow | None) -> Workflow:
    """Return the workflow of a submission if it has all that is named there.

    Raises:
        CumulusError: Cumulus.UnknownWorkflow, Cumulus.UnknownTask.
    """
    if workflow is None:
        raise unknown_workflow(submission.workflow)
    named = {"start_at": submission.start_at, "stop_after": submission.stop_after}
    for path, name in named.items():
        if name is not None and name not in workflow.states:
            raise _unknown_task(path, name)
    task = submission.task
    if task is not None and not isinstance(workflow.states.get(task), Task):
        raise _unknown_task("task", task)
    return workflow


def _unknown_task(path: str, name: str) -> CumulusError:
    return CumulusError(UNKNOWN_TASK, f'{path}: there is no "{name}"', path=path)
