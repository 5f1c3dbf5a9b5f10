"""The attempts of one visit: calls, what they wait for, and sleeps between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from harpcaller.adapters.cumulus.execution import Execution, Faulted, Steps, Visit
from harpcaller.adapters.cumulus.faults import Fault, fault_of
from harpcaller.adapters.cumulus.retrying import Retrier, Tries
from harpcaller.adapters.machine import (
    Answer,
    Cancel,
    Ended,
    Sleep,
    Submit,
    child_id,
)
from protocol.call import Call
from protocol.jsontext import JsonValue, decode
from protocol.outcome import Outcome, Returned

MakeCall: TypeAlias = Callable[[int], Call]
"""Makes the call of an attempt, from 0 on: they differ in their info only."""

Accepts: TypeAlias = Callable[[Outcome], bool]
"""Tells whether an end that is no result is as good as one."""


def attempt(
    execution: Execution,
    visit: Visit,
    retry: tuple[Retrier, ...],
    make: MakeCall,
    accepts: Accepts,
) -> Steps[Outcome]:
    """Return what the procedure returned, or another end that is accepted.

    Raises:
        Faulted: it ended otherwise, and no retry is left.
    """
    tries = Tries(retry)
    while True:
        outcome = yield from _try(execution, visit, make(visit.attempts))
        if isinstance(outcome, Returned) or accepts(outcome):
            return outcome
        fault = fault_of(outcome)
        wait_s = tries.next_wait_s(fault, str(visit.job_id))
        if wait_s is None:
            raise Faulted(fault)
        yield from _wait(execution, visit, fault, wait_s)


def _try(execution: Execution, visit: Visit, call: Call) -> Steps[Outcome]:
    key = visit.key(f"a{visit.attempts}")
    visit.job_id = child_id(execution.job_id, key)
    execution.note("call", _called(visit, call))
    visit.attempts += 1
    ended = yield from _call(execution, visit, Submit(key=key, call=call))
    visit.seconds = _seconds(ended)
    return ended.outcome


def _called(visit: Visit, call: Call) -> dict[str, JsonValue]:
    return {
        **visit.named(),
        "attempt": visit.attempts,
        "job_id": visit.job_id,
        "host": call.host,
        "procedure": call.procedure,
        "queue": None if call.queue is None else decode(call.queue.name),
    }


def _call(execution: Execution, visit: Visit, submit: Submit) -> Steps[Ended]:
    """Return how a child ended; until then, tell now and then that it lives."""
    heartbeat_s = execution.rules.heartbeat_s
    if not heartbeat_s:
        return _ended((yield from execution.ask(submit)))
    beat = Sleep(key=visit.next_wait(), seconds=heartbeat_s)
    answer = yield from execution.ask(submit, beat)
    while not isinstance(answer, Ended):
        execution.note("waiting", {"task": visit.name, "job_id": visit.job_id})
        beat = Sleep(key=visit.next_wait(), seconds=heartbeat_s)
        answer = yield from execution.ask(beat)
    execution.do(Cancel(key=beat.key))
    return answer


def _ended(answer: Answer) -> Ended:
    assert isinstance(answer, Ended)  # noqa: S101 (nothing else answers it)
    return answer


def _seconds(ended: Ended) -> float | None:
    if ended.started_at is None or ended.ended_at is None:
        return None
    return ended.ended_at - ended.started_at


def _wait(
    execution: Execution, visit: Visit, fault: Fault, wait_s: float
) -> Steps[None]:
    execution.note(
        "retry",
        {
            "task": visit.name,
            "attempt": visit.attempts,
            "error": fault.error,
            "in_seconds": wait_s,
        },
    )
    yield from execution.ask(Sleep(key=visit.next_wait(), seconds=wait_s))
