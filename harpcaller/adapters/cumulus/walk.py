"""From state to state: what each type of state does, and where a failure leads."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, assert_never

import attrs

from harpcaller.adapters.cumulus.documents import (
    given_out,
    passed,
    taken_in,
    with_result,
)
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.execution import Execution, Faulted, Steps, Visit
from harpcaller.adapters.cumulus.faults import RUNTIME, Fault, fault_of_error
from harpcaller.adapters.cumulus.retrying import MAX_WAIT_S, find_catcher
from harpcaller.adapters.cumulus.selecting import find
from harpcaller.adapters.cumulus.task_visit import visit_task
from harpcaller.adapters.cumulus.workflow import (
    Choice,
    Fail,
    Pass,
    State,
    Succeed,
    Task,
    Wait,
)
from harpcaller.adapters.machine import Sleep
from protocol.jsontext import JsonValue

_NO_CHOICE: Final = "States.NoChoiceMatched"


@attrs.frozen
class Reached:
    """What came of a state: the next document, and the next state unless it ends."""

    document: JsonValue
    next: str | None


@attrs.frozen
class WentWrong:
    """The run is over: a fault that nothing caught, or a Fail state."""

    fault: Fault
    document: JsonValue
    fail_state: str | None = None


Walked: TypeAlias = Reached | WentWrong


class Walk:
    """Carries out states one after the other, until one ends it all."""

    def __init__(self, execution: Execution, stop_after: str | None) -> None:
        self._execution = execution
        self._stop_after = stop_after

    def go(self, start_at: str, document: JsonValue) -> Steps[Walked]:
        """Return the last document, or what went wrong."""
        reached = Reached(document, start_at)
        while reached.next is not None:
            name = reached.next
            state = self._execution.workflow.states[name]
            outcome = yield from self._carry_out(state, reached.document)
            if isinstance(outcome, WentWrong):
                return outcome
            reached = outcome
            if name == self._stop_after:
                break
        return reached

    def _carry_out(self, state: State, document: JsonValue) -> Steps[Walked]:
        visit = None
        try:
            visit = self._execution.enter(state.name, document)
            return (yield from self._visit(state, visit))
        except Faulted as faulted:
            fault = faulted.fault
        except CumulusError as error:
            fault = fault_of_error(error)
        if visit is not None and isinstance(state, Task):
            self._execution.record(visit, fault.error)
        try:
            return self._caught(state, document, fault)
        except CumulusError as error:
            return WentWrong(fault_of_error(error), document)

    def _visit(self, state: State, visit: Visit) -> Steps[Walked]:
        document = visit.came_in
        match state:
            case Task():
                return (yield from self._visit_task(state, visit))
            case Wait():
                return (yield from self._wait(state, visit))
            case Pass(has_result=True, result=result):
                return Reached(given_out(document, state.paths, result), state.next)
            case Pass():
                result = taken_in(document, state.paths, state.parameters)
                return Reached(given_out(document, state.paths, result), state.next)
            case Choice():
                return _chosen(state, document)
            case Succeed():
                return Reached(passed(document, state.paths), None)
            case Fail(error=error, cause=cause):
                fault = Fault(error=error, cause=cause)
                return WentWrong(fault, document, state.name)
        assert_never(state)

    def _visit_task(self, state: Task, visit: Visit) -> Steps[Reached]:
        completed = yield from visit_task(self._execution, visit, state)
        document = given_out(visit.came_in, state.paths, completed.result)
        self._execution.record(visit, completed.exception or "result")
        ends = completed.exception is not None and self._execution.workflow.is_list
        return Reached(document, None if ends else state.next)

    def _wait(self, state: Wait, visit: Visit) -> Steps[Reached]:
        seconds: Any = state.seconds
        if state.seconds_path is not None:
            selected = taken_in(visit.came_in, state.paths, None)
            seconds = find(selected, state.seconds_path)
        if type(seconds) not in {int, float} or not 0 <= seconds <= MAX_WAIT_S:
            cause = f"{state.seconds_path}: expected seconds from 0 to {MAX_WAIT_S}"
            raise CumulusError(RUNTIME, cause, path=state.seconds_path)
        yield from self._execution.ask(Sleep(key=visit.next_wait(), seconds=seconds))
        return Reached(passed(visit.came_in, state.paths), state.next)

    def _caught(self, state: State, document: JsonValue, fault: Fault) -> Walked:
        catchers = state.catch if isinstance(state, Task) else ()
        catcher = find_catcher(catchers, fault)
        if catcher is None:
            return WentWrong(fault, document)
        self._execution.failed_task = state.name
        self._execution.note(
            "caught", {"task": state.name, "error": fault.error, "next": catcher.next}
        )
        error: JsonValue = {"Error": fault.error, "Cause": fault.cause}
        changed = with_result(document, catcher.result_path, error)
        return Reached(changed, catcher.next)


def _chosen(state: Choice, document: JsonValue) -> Reached:
    selected = taken_in(document, state.paths, None)
    for branch in state.branches:
        if branch.rule.holds(selected):
            return Reached(passed(document, state.paths), branch.next)
    if state.default is None:
        raise CumulusError(_NO_CHOICE, "no rule holds, and there is no Default")
    return Reached(passed(document, state.paths), state.default)
