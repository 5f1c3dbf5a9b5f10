"""Reads a Task state: a call, with what leads to it and what follows."""

from __future__ import annotations

from typing import Any, Final

from harpcaller.adapters.cumulus.reach import (
    Known,
    complain_of_config,
    made_reach,
    read_resource,
)
from harpcaller.adapters.cumulus.retrying import (
    Catcher,
    check_all_is_last,
    read_errors,
    read_retry,
)
from harpcaller.adapters.cumulus.state_parts import (
    CMA,
    read_next,
    read_parameters,
    read_paths,
    read_result_path,
    refuse_unknown,
)
from harpcaller.adapters.cumulus.workflow import State, Task
from harpcaller.adapters.parts import Part

_CONFIG: Final = "task_config"
_EVENT: Final = ("event", "event.$")
_STEP_KEYS: Final = (
    *_EVENT,
    _CONFIG,
    "task_config.$",
    "ReplaceConfig",
    "ReplaceConfig.$",
)


def read_task(part: Part, name: str, known: Known) -> State:
    """Return a Task state."""
    refuse_unknown(
        part,
        "Resource InputPath Parameters ResultPath OutputPath Retry Catch"
        " TimeoutSeconds HeartbeatSeconds Next End",
    )
    resource = read_resource(part, "Resource", known) or {}
    _complain_of_step(part)
    return Task(
        name=name,
        next=read_next(part),
        reach=made_reach(name, resource, _read_limits(part), known=known),
        paths=read_paths(part),
        parameters=read_parameters(part),
        retry=read_retry(part, "Retry"),
        catch=_read_catch(part),
    )


def _read_limits(part: Part) -> dict[str, Any]:
    limits = {
        "timeout_s": part.seconds("HeartbeatSeconds"),
        "max_exec_s": part.seconds("TimeoutSeconds"),
    }
    return {name: value for name, value in limits.items() if value is not None}


def _complain_of_step(part: Part) -> None:
    """Complain of what a step adds to a message in a way that can never be right."""
    parameters = part.get("Parameters")
    if not isinstance(parameters, dict) or CMA not in parameters:
        return
    step = Part(parameters, part.at("Parameters"), part.problems, part.file).need_part(
        CMA
    )
    if step is None:
        return
    step.refuse_unknown(_STEP_KEYS)
    if not any(step.has(key) for key in _EVENT):
        step.wrong("event", 'a message, mostly as "event.$": "$"')
    config = step.fields.get(_CONFIG)
    if isinstance(config, dict) and not _has_paths(config):
        complain_of_config(Part(config, step.at(_CONFIG), part.problems, part.file))


def _has_paths(value: Any) -> bool:
    """Tell whether something in a value is filled in when the state begins."""
    if isinstance(value, dict):
        return any(
            key.endswith(".$") or _has_paths(member) for key, member in value.items()
        )
    return isinstance(value, list) and any(_has_paths(member) for member in value)


def _read_catch(part: Part) -> tuple[Catcher, ...]:
    parts = part.parts("Catch")
    return tuple(_read_catcher(one, is_last=one is parts[-1]) for one in parts)


def _read_catcher(part: Part, *, is_last: bool) -> Catcher:
    part.refuse_unknown(("ErrorEquals", "ResultPath", "Next", "Comment"))
    errors = read_errors(part)
    check_all_is_last(part, errors, is_last=is_last)
    return Catcher(
        errors=errors,
        result_path=read_result_path(part),
        next=part.need_text("Next"),
    )
