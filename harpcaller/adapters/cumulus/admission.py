"""Which calls become jobs, and what of them is secret."""

from __future__ import annotations

import math
from typing import Final

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.cumulus.config import Settings
from harpcaller.adapters.cumulus.errors import (
    INVALID_MESSAGE,
    CumulusError,
    invalid_message,
)
from harpcaller.adapters.cumulus.info import execution_name
from harpcaller.adapters.cumulus.message import unwrap
from harpcaller.adapters.cumulus.pointers import find
from harpcaller.adapters.cumulus.references import read_replace
from harpcaller.adapters.cumulus.secrets import SecretNames
from harpcaller.adapters.cumulus.submission import (
    VALIDATE,
    Submission,
    check_names,
    read_submission,
    unknown_workflow,
)
from harpcaller.adapters.cumulus.task_input import begin
from harpcaller.adapters.cumulus.templates import MAX_DEPTH
from harpcaller.adapters.cumulus.workflow import Workflow
from protocol.call import MASK, Call
from protocol.jsontext import JsonValue, decode, is_within_depth

HOST: Final = "@cumulus"


def admit(settings: Settings, call: Call) -> Admitted | Refused:
    """Return how a call is kept, or why there will be no job."""
    try:
        return _admit(settings, call)
    except CumulusError as error:
        data: dict[str, JsonValue] = {**error.about}
        if error.path is not None:
            data["path"] = error.path
        return Refused(code=error.type, message=error.message, data=data)


def keep(settings: Settings, call: Call) -> bytes:
    """Return what a call goes by to its end, whatever is reloaded meanwhile."""
    name = read_submission(call).workflow or ""
    offered = settings.workflows.get(name)
    return settings.kept if offered is None else offered.kept


def _admit(settings: Settings, call: Call) -> Admitted:
    submission = read_submission(call)
    _check_queue(call)
    workflow = _named(settings, submission)
    if submission.procedure != VALIDATE:
        check_names(submission, workflow)
        _check_message(submission.message)
        if not is_within_depth(call.arguments, MAX_DEPTH + 1):
            raise invalid_message("message", f"at most {MAX_DEPTH} levels")
    secrets = SecretNames(settings.rules.secret_keys)
    pointers = secrets.pointers(submission.message, f"/{submission.at}")
    if settings.rules.mask_result:
        _check_masks(submission, pointers)
    limits = (
        call.max_exec_s,
        None if workflow is None else workflow.max_exec_s,
        settings.rules.max_exec_s,
    )
    given = (sealed.pointer for sealed in call.sealed)
    return Admitted(
        max_exec_s=min(limit or math.inf for limit in limits),
        sealed=tuple({*pointers, *given}),
        label=_label(submission.message),
    )


def _check_message(message: JsonValue) -> None:
    """Do nothing if a message may be submitted; what `replace` may bring is left out.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    begun = begin(message)
    read_replace(begun.message)


def _named(settings: Settings, submission: Submission) -> Workflow | None:
    """Return the workflow of a submission; to judge a message none is needed.

    Raises:
        CumulusError: Cumulus.UnknownWorkflow.
    """
    offered = settings.workflows.get(submission.workflow or "")
    if offered is not None:
        return offered.workflow
    if submission.procedure == VALIDATE:
        return None
    raise unknown_workflow(submission.workflow)


def _check_queue(call: Call) -> None:
    """Do nothing unless a parent would hold a place that its children need."""
    name = None if call.queue is None else decode(call.queue.name)
    if isinstance(name, dict) and name.get("cumulus") == "task":
        message = 'queue.name: "cumulus": "task" is for the calls of workflows'
        raise CumulusError(INVALID_MESSAGE, message, path="queue.name")


def _check_masks(submission: Submission, pointers: list[str]) -> None:
    """Do nothing if no secret is missing from a result that was masked once."""
    for pointer in pointers:
        value: JsonValue = {submission.at: submission.message}
        if find(value, pointer) == MASK:
            path = pointer.removeprefix(f"/{submission.at}/").replace("/", ".")
            raise invalid_message(path, f'a secret, not "{MASK}"')


def _label(message: JsonValue) -> str | None:
    try:
        inner, _ = unwrap(message)
    except CumulusError:
        return None
    return execution_name(inner)
