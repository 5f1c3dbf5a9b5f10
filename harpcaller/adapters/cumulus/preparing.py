"""What leads to a call with a message: what the step adds, and what is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from harpcaller.adapters.cumulus.documents import taken_in
from harpcaller.adapters.cumulus.errors import invalid_workflow
from harpcaller.adapters.cumulus.execution import Execution, Steps, Visit
from harpcaller.adapters.cumulus.host import chosen
from harpcaller.adapters.cumulus.info import execution_name
from harpcaller.adapters.cumulus.reach import is_template
from harpcaller.adapters.cumulus.task_input import (
    Begun,
    Prepared,
    begin,
    payload_of,
    replace_of,
    replaced,
    with_payload,
)
from harpcaller.adapters.cumulus.task_input import prepare as prepared_by
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms
from harpcaller.adapters.cumulus.transfer import fetch
from harpcaller.adapters.cumulus.workflow import Reach, Task
from protocol.jsontext import JsonValue, decode


@attrs.frozen
class Step:
    """The message that a task begins with, and its terms in this step."""

    message: JsonValue = attrs.field(repr=False)
    terms: TaskTerms


def step_of(execution: Execution, visit: Visit, task: Task) -> Step:
    """Return what a task begins with; what its step adds never enters the message.

    Raises:
        CumulusError: a path leads to nothing.
    """
    message: Any = taken_in(visit.came_in, task.paths, task.parameters)
    terms = task.reach.terms
    if task.parameters is not None:
        step = message["cma"]  # as `read_task` saw to
        message = step["event"]
        terms = _with_step(terms, step)
    if execution.rules.task_metadata:
        metadata = _metadata(execution, task.reach, message)
        terms = attrs.evolve(terms, metadata=metadata)
    return Step(message, terms)


def prepare(execution: Execution, visit: Visit, step: Step) -> Steps[Prepared]:
    """Return the call that a message makes, once all that it refers to is fetched.

    Raises:
        CumulusError: it cannot be called with this message.
    """
    begun = begin(step.message)
    replace = replace_of(begun)
    if replace is not None:
        document = yield from fetch(execution, visit, "replace", replace.reference)
        begun = replaced(begun, replace, document)
    reference = payload_of(begun, step.terms)
    if reference is not None:
        document = yield from fetch(execution, visit, "payload", reference)
        begun = with_payload(begun, document)
    return prepared_by(begun, step.terms, execution.rules.max_resolved_bytes)


def nested_event(prepared: Prepared, max_bytes: int) -> JsonValue:
    """Return the event of a call, in whatever form it is made.

    Raises:
        CumulusError: States.DataLimitExceeded.
    """
    terms = attrs.evolve(prepared.terms, call=CallForm.EVENT, metadata=None)
    again = prepared_by(Begun(dict(prepared.message)), terms, max_bytes)
    [event] = cast("list[JsonValue]", decode(again.text))
    return event


def _with_step(terms: TaskTerms, step: Mapping[str, JsonValue]) -> TaskTerms:
    config = _object(step, "task_config")
    return attrs.evolve(
        terms,
        task_config=terms.task_config if config is None else config,
        replace_config=_object(step, "ReplaceConfig"),
    )


def _object(step: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue] | None:
    value = step.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise invalid_workflow(name, "an object")


def _metadata(
    execution: Execution, reach: Reach, message: JsonValue
) -> Mapping[str, JsonValue]:
    """Return what is noted of a task in the message before it is called."""
    name = execution_name(message) or execution.name
    host = chosen(reach.host, name)
    if is_template(host):  # whether it may be called is judged later
        found = Resolver(message, execution.rules.max_resolved_bytes).resolve(host)
        host = found if isinstance(found, str) else host
    arn = f"harp://{host}/{reach.procedure}"
    return {"name": reach.procedure, "version": None, "arn": arn}
