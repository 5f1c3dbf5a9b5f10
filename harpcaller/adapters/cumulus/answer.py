"""The next message, out of what a task answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.errors import INVALID_ANSWER, CumulusError, too_large
from harpcaller.adapters.cumulus.message import Message, is_set
from harpcaller.adapters.cumulus.paths import Steps
from harpcaller.adapters.cumulus.schemas import check_format, validate
from harpcaller.adapters.cumulus.task_input import Prepared
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.terms import CallForm
from protocol.jsontext import JsonValue, encode
from protocol.outcome import Raised

NONE: Final = "None"
_WORKFLOW_ERROR: Final = "WorkflowError"
_COPIES: Final = 16  # of an answer as large as it may be, in the message
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
        return _first_field(old, new, path, may_add=may_add)
    if may_add:
        return None
    if isinstance(old, list) and isinstance(new, list):
        return _first_element(old, new, path)
    return None if _is_equal(old, new) else path


def _first_field(old: Message, new: Message, path: str, *, may_add: bool) -> str | None:
    for key in old:
        at = _below(path, key)
        if key not in new:
            return at
        found = first_difference(old[key], new[key], at, may_add=may_add)
        if found is not None:
            return found
    added = () if may_add else (key for key in new if key not in old)
    return next((_below(path, key) for key in added), None)


def _first_element(old: list[JsonValue], new: list[JsonValue], path: str) -> str | None:
    for number, (one, other) in enumerate(zip(old, new, strict=False)):
        found = first_difference(one, other, f"{path}[{number}]")
        if found is not None:
            return found
    return None if len(old) == len(new) else path


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


# ── steps ──
def _from_message(prepared: Prepared, answer: JsonValue) -> Next:
    if not isinstance(answer, dict):
        raise _invalid("message", "the answer is no message")
    path = _changed(prepared.sent, answer)
    if path is not None:
        raise _invalid(path, f"{path}: a task may not change it")
    came_in = prepared.message
    message: dict[str, Any] = {}
    for key in (*came_in, *(name for name in _MAY_DIFFER if name in answer)):
        if key not in _MAY_DIFFER:
            message[key] = came_in[key]
        elif key in answer:
            message[key] = answer[key]
    if "exception" in came_in:
        message.setdefault("exception", None)
    exception = message.get("exception")
    is_new = not _is_same(came_in.get("exception"), exception)
    settled = _settled(came_in, message, written="exception" in answer)
    return Next(settled.message, is_new and is_set(exception))


def _changed(sent: Message, answer: dict[str, JsonValue]) -> str | None:
    """Return the path of the first change that no task may make."""
    path = first_difference(_without(sent, _MAY_DIFFER), _without(answer, _MAY_DIFFER))
    if path is not None:
        return path
    meta = answer.get("meta")
    if not isinstance(meta, dict) and meta != sent.get("meta"):
        return "meta"
    return first_difference(_meta_of(sent), _meta_of(answer), may_add=True)


def _meta_of(message: Message) -> dict[str, JsonValue]:
    return {"meta": message["meta"]} if "meta" in message else {}


def _without(message: Message, names: Iterable[str]) -> dict[str, JsonValue]:
    return {key: value for key, value in message.items() if key not in names}


def _with_outputs(
    prepared: Prepared, answer: JsonValue, max_bytes: int
) -> dict[str, Any]:
    resolver = Resolver(answer, _COPIES * max_bytes)
    message: dict[str, Any] = {**prepared.message, "payload": {}}
    for output in prepared.configuration.outputs or ():
        value = resolver.resolve_source(output.source)
        message = _written(message, output.destination, value)
    size = len(encode(message))
    if size > _COPIES * max_bytes:
        raise too_large("bytes of the message", size, _COPIES * max_bytes)
    return message


def _written(message: dict[str, Any], to: Steps, value: JsonValue) -> dict[str, Any]:
    first = to[0]
    counts_as_absent = message.get("meta") is None
    if first == "exception":
        counts_as_absent = not is_set(message.get("exception"))
    if first != "payload" and counts_as_absent:
        message = {**message, str(first): {}}  # it is in nobody's way
    put = paths.put(message, to, value)
    assert isinstance(put, dict)  # noqa: S101 (a message stays one)
    return put


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
    """Tell whether two values that are no lists or objects are the same."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _is_same(one: JsonValue, other: JsonValue) -> bool:
    return first_difference(one, other) is None


def _invalid(path: str, message: str) -> CumulusError:
    return CumulusError(INVALID_ANSWER, message, path=path)
