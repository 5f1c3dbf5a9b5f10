"""All that is wrong with a message, told at once: `cumulus.validate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from harpcaller.adapters.cumulus.configuration import configuration_of, storing_of
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.message import check, unwrap
from harpcaller.adapters.cumulus.references import read_replace
from harpcaller.adapters.cumulus.workflow import Workflow
from protocol.jsontext import JsonValue

_OBJECTS = ("meta", "workflow_config", "task_config")


def problems_of(message: JsonValue, workflow: Workflow | None) -> list[JsonValue]:
    """Return `{code, path, problem}` for each mistake that the message alone shows.

    With a workflow, what it configures for each of its tasks counts too.
    """
    found: list[JsonValue] = []
    for error in _errors(message, workflow):
        problem: JsonValue = {
            "code": error.type,
            "path": error.path or "",
            "problem": error.message,
        }
        if problem not in found:
            found.append(problem)
    return found


def _errors(message: JsonValue, workflow: Workflow | None) -> Iterator[CumulusError]:
    try:
        inner, _ = unwrap(message)
    except CumulusError as error:
        yield error
        return
    judgements: list[Callable[[], Any]] = [partial(read_replace, inner)]
    if inner.get("replace") is None:
        judgements += [partial(check, dict(part)) for part in _parts(inner)]
    for task in () if workflow is None else workflow.tasks:
        if not task.is_plain:
            terms = task.reach.terms
            judgements.append(partial(configuration_of, inner, terms))
            judgements.append(partial(storing_of, inner, terms))
    for judge in judgements:
        try:
            judge()
        except CumulusError as error:
            yield error


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, JsonValue]]:
    """Yield messages that have one part of this one each, to be judged by itself."""
    yield {"cumulus_meta": message.get("cumulus_meta")}
    rest: dict[str, Any] = {"cumulus_meta": {}}
    configs = message.get("workflow_config")
    if isinstance(configs, dict):
        for name, config in configs.items():
            yield {**rest, "workflow_config": {name: config}}
    for name, value in message.items():
        if name not in {"cumulus_meta", "workflow_config"} or not isinstance(
            value, dict
        ):
            yield {**rest, name: value}
