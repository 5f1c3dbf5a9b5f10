"""Reads a workflow in Amazon States Language: what of it we carry out, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, assert_never

from harpcaller.adapters.cumulus.asl_task import read_task
from harpcaller.adapters.cumulus.choice import read_branches
from harpcaller.adapters.cumulus.list_form import complain_of_name
from harpcaller.adapters.cumulus.reach import Known
from harpcaller.adapters.cumulus.selecting import read_path
from harpcaller.adapters.cumulus.state_parts import (
    read_next,
    read_parameters,
    read_paths,
    refuse_unknown,
)
from harpcaller.adapters.cumulus.workflow import (
    Choice,
    Fail,
    Pass,
    State,
    Succeed,
    Task,
    Wait,
    Workflow,
)
from harpcaller.adapters.parts import Part

Read: TypeAlias = Callable[[Part, str, Known], State]

_KEYS: Final = ("StartAt", "States", "Comment", "Version", "TimeoutSeconds")
MAX_NAME: Final = 80  # Amazon States Language, "States"


def read_asl(part: Part, name: str, known: Known) -> Workflow:
    """Return the workflow `name`, which is how its file is called."""
    part.refuse_unknown(_KEYS)
    complain_of_name(part, "", name)
    start_at = part.need_text("StartAt")
    states = _read_states(part, known)
    targets = [(part.at("StartAt"), start_at)]
    for state in states.values():
        targets += [(f"States.{state.name}", target) for target in _targets(state)]
    named = part.get("States")
    for place, target in targets:
        if target and isinstance(named, dict) and target not in named:
            part.complain(f'there is no state "{target}"', place)
    return Workflow(
        name=name,
        start_at=start_at,
        states=states,
        max_exec_s=part.seconds("TimeoutSeconds"),
    )


def _read_states(part: Part, known: Known) -> dict[str, State]:
    states = part.part("States")
    if states is None or not states.fields:
        part.complain("expected an object, not empty", part.at("States"))
        return {}
    found: dict[str, State] = {}
    for name in states.fields:
        state = states.need_part(name)
        if not 0 < len(name) <= MAX_NAME:
            states.complain(f"expected a name of 1 to {MAX_NAME} characters")
        read = None if state is None else _read_type(state)
        if state is not None and read is not None:
            found[name] = read(state, name, known)
    return found


def _read_type(state: Part) -> Read | None:
    kind = state.need_text("Type")
    if kind and kind not in _READERS:
        state.wrong("Type", f'one of {", ".join(_READERS)}, not "{kind}"')
    return _READERS.get(kind)


def _targets(state: State) -> list[str]:
    match state:
        case Task():
            targets = [state.next, *(catcher.next for catcher in state.catch)]
        case Choice():
            targets = [state.default, *(branch.next for branch in state.branches)]
        case Pass() | Wait():
            targets = [state.next]
        case Succeed() | Fail():
            return []
        case _:
            assert_never(state)
    return [target for target in targets if target is not None]


# ── one reader for each type ──
def _read_pass(part: Part, name: str, _known: Known) -> State:
    refuse_unknown(
        part,
        "InputPath Parameters Result ResultPath OutputPath Next End",
    )
    return Pass(
        name=name,
        next=read_next(part),
        paths=read_paths(part),
        parameters=read_parameters(part),
        has_result=part.has("Result"),
        result=part.get("Result"),
    )


def _read_choice(part: Part, name: str, _known: Known) -> State:
    refuse_unknown(part, "InputPath OutputPath Choices Default")
    return Choice(
        name=name,
        branches=read_branches(part),
        default=part.text("Default"),
        paths=read_paths(part),
    )


def _read_wait(part: Part, name: str, _known: Known) -> State:
    refuse_unknown(part, "Seconds SecondsPath InputPath OutputPath Next End")
    if part.has("Seconds") == part.has("SecondsPath"):
        part.complain("expected either Seconds or SecondsPath")
    seconds = part.number("Seconds", least=0)
    has_path = part.has("SecondsPath")
    return Wait(
        name=name,
        next=read_next(part),
        seconds=seconds or 0,
        seconds_path=read_path(part, "SecondsPath") if has_path else None,
        paths=read_paths(part),
    )


def _read_succeed(part: Part, name: str, _known: Known) -> State:
    refuse_unknown(part, "InputPath OutputPath")
    return Succeed(name=name, paths=read_paths(part))


def _read_fail(part: Part, name: str, _known: Known) -> State:
    refuse_unknown(part, "Error Cause")
    return Fail(
        name=name,
        error=part.text("Error") or "Cumulus.WorkflowFailed",
        cause=part.text("Cause") or "",
    )


_READERS: Final[Mapping[str, Read]] = {
    "Task": read_task,
    "Pass": _read_pass,
    "Choice": _read_choice,
    "Wait": _read_wait,
    "Succeed": _read_succeed,
    "Fail": _read_fail,
}
