"""From the answer of a task to the next message."""

from __future__ import annotations

import attrs

from harpcaller.adapters.cumulus.message import Message
from harpcaller.adapters.cumulus.task_input import Prepared
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import JsonValue


@attrs.frozen(kw_only=True)
class Answered:
    """The next message, before ReplaceConfig; `aborted` by an exception of the task."""

    message: Message
    aborted: bool = False


def take_answer(prepared: Prepared, answer: JsonValue, terms: TaskTerms) -> Answered:
    """Return the message after a task that returned `answer`.

    Raises:
        CumulusError: Cumulus.InvalidAnswer, Cumulus.ValidationError,
            States.ResultPathMatchFailure.
    """
    raise NotImplementedError


def workflow_error(error: str, cause: str) -> str | None:
    """Return what a task's exception says if it is a WorkflowError: no failure."""
    raise NotImplementedError


def take_workflow_error(prepared: Prepared, exception: str) -> Answered:
    """Return the message after a task that ended with a WorkflowError."""
    raise NotImplementedError
