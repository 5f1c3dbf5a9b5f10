"""One stay in a task: from the document that comes in to the result of the task."""

from __future__ import annotations

import attrs

from harpcaller.adapters.cumulus.answer import (
    Next,
    aborted,
    next_message,
    workflow_error,
)
from harpcaller.adapters.cumulus.calling import attempt
from harpcaller.adapters.cumulus.child_call import Made, make_call
from harpcaller.adapters.cumulus.documents import taken_in
from harpcaller.adapters.cumulus.errors import DATA_LIMIT, CumulusError
from harpcaller.adapters.cumulus.execution import Execution, Steps, Visit
from harpcaller.adapters.cumulus.info import info_of
from harpcaller.adapters.cumulus.preparing import prepare, step_of
from harpcaller.adapters.cumulus.storing import Stored, stored
from harpcaller.adapters.cumulus.task_input import Prepared
from harpcaller.adapters.cumulus.telling import name_of, note_answer
from harpcaller.adapters.cumulus.templates import MAX_DEPTH
from harpcaller.adapters.cumulus.transfer import save
from harpcaller.adapters.cumulus.unchanged import check_secrets
from harpcaller.adapters.cumulus.workflow import Task
from harpcaller.adapters.machine import child_id
from protocol.call import Call
from protocol.jsontext import JsonText, JsonValue, decode, encode, is_within_depth
from protocol.outcome import Outcome, Raised, Returned


@attrs.frozen
class Completed:
    """The result of a task, and the name of its exception if it aborted."""

    result: JsonValue = attrs.field(repr=False)
    exception: str | None = None


@attrs.frozen
class Ready:
    """A task that can be called; without `prepared` its parameters are plain."""

    call: Call
    source: JsonValue = attrs.field(repr=False)
    prepared: Prepared | None = None


def ready(execution: Execution, visit: Visit, task: Task) -> Steps[Ready]:
    """Return the call of a task, once all that its message refers to is fetched.

    Raises:
        CumulusError: it cannot be called.
    """
    if task.is_plain:
        arguments = taken_in(visit.came_in, task.paths, task.parameters)
        made = Made(text=encode(arguments), source=visit.came_in)
        return Ready(make_call(execution, task.reach, made), made.source)
    step = step_of(execution, visit, task)
    prepared = yield from prepare(execution, visit, step)
    made = Made(text=prepared.text, source=dict(prepared.message))
    call = make_call(execution, task.reach, made)
    return Ready(call, made.source, prepared)


def call_of(execution: Execution, visit: Visit, at: Ready, number: int) -> Call:
    """Return the call of one attempt."""
    info = info_of(execution.workflow.name, visit, number, at.source)
    if execution.secrets:  # a message may say anything under any name
        info = encode(execution.secrets.masked(decode(info)))
    return attrs.evolve(at.call, info=info)


def visit_task(execution: Execution, visit: Visit, task: Task) -> Steps[Completed]:
    """Return what came of a task.

    Raises:
        CumulusError: it could not be called, or its answer is no good.
        Faulted: it failed, and no retry is left.
    """
    at = yield from ready(execution, visit, task)
    has_message = at.prepared is not None

    def make(number: int) -> Call:
        return call_of(execution, visit, at, number)

    def accepts(outcome: Outcome) -> bool:
        return has_message and _said(outcome) is not None

    outcome = yield from attempt(execution, visit, task.retry, make, accepts)
    if at.prepared is None:
        result = _value(outcome)
        note_answer(execution, visit, None, {"payload": result})
        return Completed(result)
    return (yield from _complete(execution, visit, at.prepared, outcome))


def _complete(
    execution: Execution, visit: Visit, prepared: Prepared, outcome: Outcome
) -> Steps[Completed]:
    after = _after(execution, prepared, outcome)
    note_answer(execution, visit, dict(prepared.message), after.message)
    exception = None
    if after.is_aborted:
        exception = name_of(after.message.get("exception"))
        execution.note("aborted", {"task": visit.name, "exception": exception})
    if prepared.storing is None:
        return Completed(after.message, exception)
    key = visit.key("store")
    object_id = child_id(execution.job_id, key)
    handed_on = stored(after.message, prepared.storing, object_id)
    if isinstance(handed_on, Stored):
        handed_on = yield from save(execution, key, handed_on)
    return Completed(handed_on, exception)


def _after(execution: Execution, prepared: Prepared, outcome: Outcome) -> Next:
    said = _said(outcome)
    if said is not None:
        return aborted(prepared, said)
    answer = _value(outcome)
    after = next_message(prepared, answer, execution.rules.max_resolved_bytes)
    check_secrets(execution.secrets.names, prepared, answer)
    return after


def _said(outcome: Outcome) -> str | None:
    """Return what a WorkflowError says, None if the outcome is none."""
    if isinstance(outcome, Raised):
        return workflow_error(outcome)
    return None


def _value(outcome: Outcome) -> JsonValue:
    """Return what a procedure returned.

    Raises:
        CumulusError: States.DataLimitExceeded: it nests too deeply.
    """
    value = outcome.value if isinstance(outcome, Returned) else JsonText(b"null")
    if not is_within_depth(value, MAX_DEPTH):
        cause = f"the answer nests deeper than {MAX_DEPTH} levels"
        raise CumulusError(DATA_LIMIT, cause)
    return decode(value)
