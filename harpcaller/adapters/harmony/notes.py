"""The packets of a run: never a token, a callback, or a whole message."""

from __future__ import annotations

from harpcaller.adapters.harmony.courses import Course
from harpcaller.adapters.harmony.plan import Planner
from harpcaller.adapters.machine import Action, Note, Submit
from protocol.jsontext import JsonValue, encode

_KIND = "harmony"


def accepted(planner: Planner) -> Note:
    """Return what a request is about."""
    judged = planner.judged
    return _note(
        "accepted",
        service=judged.chain.name,
        request=judged.message.request_id,
        mode="sync" if judged.is_sync else "async",
        steps=len(judged.steps),
        batches=len(planner.batches),
        granules=len(judged.granules),
    )


def with_calls(actions: list[Action]) -> list[Action]:
    """Return actions with a Note before each call."""
    told: list[Action] = []
    for action in actions:
        if isinstance(action, Submit):
            told.append(called(action))
        told.append(action)
    return told


def called(submit: Submit) -> Note:
    """Return where a call goes."""
    call = submit.call
    return _note("call", key=submit.key, host=call.host, procedure=call.procedure)


def ended(course: Course, outputs: int) -> Note:
    """Return how a unit ended."""
    return _note(
        "unit",
        key=course.unit.key,
        state=str(course.state),
        outputs=outputs,
        message=course.text,
    )


def progress(percent: int) -> Note:
    """Return how far a request is."""
    return _note("progress", percent=percent)


def cancelling(reason: str) -> Note:
    """Return why a request ends early."""
    return _note("cancelling", reason=reason)


def warning(text: str) -> Note:
    """Return something that somebody should look at."""
    return _note("warning", text=text)


def _note(kind: str, **facts: JsonValue) -> Note:
    return Note(encode({_KIND: kind, **facts}))
