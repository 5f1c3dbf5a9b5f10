"""What leads to a call with a message: what the step adds, and what is fetched."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from harpcaller.adapters.cumulus.documents import taken_in
from harpcaller.adapters.cumulus.execution import Execution, Steps, Visit
from harpcaller.adapters.cumulus.host import chosen
from harpcaller.adapters.cumulus.info import execution_name
from harpcaller.adapters.cumulus.reach import is_template
from harpcaller.adapters.cumulus.task_input import (
    Prepared,
    Wanted,
    begin,
    with_document,
)
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.terms import TaskTerms
from harpcaller.adapters.cumulus.transfer import fetch
from harpcaller.adapters.cumulus.workflow import Reach, Task
from protocol.jsontext import JsonValue


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
    message = taken_in(visit.came_in, task.paths, task.parameters)
    terms = task.reach.terms
    match message:
        case {"cma": {"event": event, **beside}} if task.parameters is not None:
            message = event
            terms = _with_step(terms, beside)
        case _:
            pass
    if execution.rules.task_metadata:
        metadata = _metadata(execution, task.reach, message)
        terms = attrs.evolve(terms, metadata=metadata)
    return Step(message, terms)


def prepare(execution: Execution, visit: Visit, step: Step) -> Steps[Prepared]:
    """Return the call that a message makes, once all that it refers to is fetched.

    Raises:
        CumulusError: it cannot be called with this message.
    """
    now = begin(step.message, step.terms)
    while isinstance(now, Wanted):
        body = yield from fetch(execution, visit, now)
        now = with_document(now, body, step.terms)
    return now


def _with_step(terms: TaskTerms, beside: Mapping[str, JsonValue]) -> TaskTerms:
    config, replace_config = beside.get("task_config"), beside.get("ReplaceConfig")
    if isinstance(config, dict):
        terms = attrs.evolve(terms, task_config=config)
    if isinstance(replace_config, dict):
        terms = attrs.evolve(terms, replace_config=replace_config)
    return terms


def _metadata(
    execution: Execution, reach: Reach, message: JsonValue
) -> Mapping[str, JsonValue]:
    """Return what is noted of a task in the message before it is called."""
    name = execution_name(message) or execution.execution_name or execution.job_id
    host = chosen(reach.host, name)
    if is_template(host):  # whether it may be called is judged later
        found = Resolver(message, execution.rules.max_resolved_bytes).resolve(host)
        host = found if isinstance(found, str) else host
    arn = f"harp://{host}/{reach.procedure}"
    return {"name": reach.procedure, "version": None, "arn": arn}
