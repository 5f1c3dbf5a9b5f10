"""The next message, out of what a task answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.errors import INVALID_ANSWER, CumulusError
from harpcaller.adapters.cumulus.message import Message, is_set
from harpcaller.adapters.cumulus.schemas import check_format, validate
from harpcaller.adapters.cumulus.task_input import Prepared
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.terms import CallForm
from protocol.jsontext import JsonValue
from protocol.outcome import Raised

NONE: Final = "None"
_WORKFLOW_ERROR: Final = "WorkflowError"
_MAY_DIFFER: Final = ("payload", "exception", "meta")


@attrs.frozen
class Next:
    """The message after a task; `is_aborted` ends a list of tasks."""

    message: dict[str, Any] = attrs.field(repr=False)
    is_aborted: bool = False


def next_message(prepared: Prepared, answer: JsonValue, max_bytes: int) -> Next:
    """Return what comes of a task's answer.

    Raises:
        CumulusError: Cumulus.InvalidAnswer, Cumulus.ValidationError,
            States.ResultPathMatchFailure, States.DataLimitExceeded.
    """
    terms = prepared.terms
    if terms.call is CallForm.MESSAGE:
        after = _from_message(prepared, answer)
        _check_output(prepared, after.message.get("payload"))
        return after
    _check_output(prepared, answer)
    if prepared.configuration.outputs is None:
        message = {**prepared.message, "payload": answer}
        return _settled(prepared.message, message, written=False)
    message = _with_outputs(prepared, answer, max_bytes)
    written = any(
        output.destination[0] == "exception"
        for output in prepared.configuration.outputs
    )
    return _settled(prepared.message, message, written=written)


def aborted(prepared: Prepared, exception: str) -> Next:
    """Return what comes of a task that raised a WorkflowError."""
    message = {**prepared.message, "payload": None, "exception": exception}
    return Next(message, is_aborted=True)


def workflow_error(raised: Raised) -> str | None:
    """Return what an exception puts into the message, None if it is an error."""
    for text in (raised.type, raised.message):
        if _WORKFLOW_ERROR in text:
            return text
    return None


def first_difference(
    old: JsonValue, new: JsonValue, path: str = "", *, may_add: bool = False
) -> str | None:
    """Return the path of the first place where two values differ, None if none does.

    Numbers are equal by value, true is no number. With `may_add` objects may have more
    fields, and fields other values: only what was taken away counts.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            at = f"{path}.{key}" if path else key
            if key not in new:
                return at
            found = first_difference(old[key], new[key], at, may_add=may_add)
            if found is not None:
                return found
        added = () if may_add else [key for key in new if key not in old]
        return next((f"{path}.{key}" if path else key for key in added), None)
    if may_add or _is_equal(old, new):
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return next(
            at
            for number, (one, other) in pairs
            if (at := first_difference(one, other, f"{path}[{number}]")) is not None
        )
    return path


# ── steps ──
def _from_message(prepared: Prepared, answer: JsonValue) -> Next:
    if not isinstance(answer, dict):
        raise _invalid("message", "the answer is no message")
    sent = prepared.sent
    fixed = _without(sent, _MAY_DIFFER)
    path = first_difference(fixed, _without(answer, _MAY_DIFFER))
    if path is None:
        path = first_difference(
            {"meta": sent.get("meta")} if "meta" in sent else {},
            {"meta": answer["meta"]} if "meta" in answer else {},
            may_add=True,
        )
    meta = answer.get("meta")
    if path is None and meta is not None and not isinstance(meta, dict):
        path = "meta"
    if path is not None:
        raise _invalid(path, f"{path}: a task may not change it")
    message = _without(prepared.message, _MAY_DIFFER)
    ordered: dict[str, Any] = {}
    for key in (*prepared.message, *(one for one in _MAY_DIFFER if one in answer)):
        if key in _MAY_DIFFER:
            if key in answer:
                ordered[key] = answer[key]
        else:
            ordered[key] = message[key]
    came_in = prepared.message
    if "exception" in came_in and "exception" not in answer:
        ordered["exception"] = None
    is_new = (
        first_difference(came_in.get("exception"), ordered.get("exception")) is not None
    )
    settled = _settled(came_in, ordered, written="exception" in answer)
    return Next(settled.message, is_new and is_set(ordered.get("exception")))


def _without(message: Message, names: Iterable[str]) -> dict[str, JsonValue]:
    return {key: value for key, value in message.items() if key not in names}


def _with_outputs(
    prepared: Prepared, answer: JsonValue, max_bytes: int
) -> dict[str, Any]:
    resolver = Resolver(answer, max_bytes)
    message: JsonValue = {**prepared.message, "payload": {}}
    for output in prepared.configuration.outputs or ():
        source = output.source
        value = resolver.resolve(source)
        if value == source and isinstance(source, str) and resolver.is_unfound(source):
            value = None  # here dotted paths that find nothing are null too
        message = paths.put(message, output.destination, value)
    assert isinstance(message, dict)  # noqa: S101 (a message stays one)
    return message


def _settled(came_in: Message, message: dict[str, Any], *, written: bool) -> Next:
    """Return the message with `exception` as it is to be handed on."""
    exception = message.get("exception")
    if is_set(exception):
        return Next(message, is_aborted=written)
    if written or "exception" in came_in:
        return Next({**message, "exception": NONE})
    return Next(message)


def _check_output(prepared: Prepared, output: JsonValue) -> None:
    terms = prepared.terms
    if "output" in terms.schemas:
        validate(terms.schemas["output"], output, "output")
    check_format(terms.output_format, output, "output")


def _is_equal(one: JsonValue, other: JsonValue) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return type(one) is type(other) and one == other


def _is_same(one: JsonValue, other: JsonValue) -> bool:
    return first_difference(one, other) is None


def _invalid(path: str, message: str) -> CumulusError:
    return CumulusError(INVALID_ANSWER, message, path=path)
