"""How a visit failed, by the error's name, and which names a Retry or Catch may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, assert_never

import attrs

from harpcaller.adapters.cumulus.errors import REMOTE, RESULT_PATH, CumulusError
from protocol.errors import ErrorType
from protocol.jsontext import decode
from protocol.outcome import Cancelled, Failed, Raised

ALL: Final = "States.ALL"
RUNTIME: Final = "States.Runtime"
TIMEOUT: Final = "States.Timeout"

_FAILED: Final = "States.TaskFailed"
_LAMBDA: Final = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
_UNREACHED: Final = frozenset({*_LAMBDA, _FAILED, ALL})
_CAUGHT_BY_ALL: Final = frozenset({REMOTE, RESULT_PATH, "States.ParameterPathFailure"})
_INITIALS: Final = {"os": "OS"}


@attrs.frozen(kw_only=True)
class Fault:
    """What went wrong, and by which names it may be retried and caught.

    `code`, `path` and `about` are what a person gets to see beside the cause.
    """

    error: str
    cause: str
    retried_by: frozenset[str] = frozenset()
    caught_by: frozenset[str] = frozenset()
    code: str | None = None
    path: str | None = None
    about: Mapping[str, Any] = attrs.field(factory=dict)


def fault_of(outcome: Raised | Failed | Cancelled) -> Fault:
    """Return what the end of a child means that is no result."""
    match outcome:
        case Raised(type=error, message=cause):
            return _fault(error, cause, {_FAILED, ALL})
        case Cancelled():
            return _fault("HarpCaller.Cancelled", "the call was cancelled", ())
        case Failed():
            return _failure(outcome)
    assert_never(outcome)


def _failure(outcome: Failed) -> Fault:
    cause = outcome.message
    match outcome.type:
        case ErrorType.NETWORK_ERROR:
            return _fault("HarpCaller.NetworkError", cause, _UNREACHED)
        case ErrorType.OVERLOADED:
            return _fault("HarpCaller.Overloaded", cause, _UNREACHED)
        case ErrorType.TIMEOUT:
            if _limit(outcome) == "timeout":
                return _fault("States.HeartbeatTimeout", cause, {TIMEOUT, ALL})
            return _fault(TIMEOUT, cause, {ALL})
        case ErrorType.MISSING_RESULT:
            # It may have run: only who names it wants it again.
            lost = _fault("HarpCaller.Lost", cause, ())
            return attrs.evolve(lost, caught_by=lost.caught_by | {ALL})
        case other:
            name = f"HarpCaller.{_camel(other)}"
            return _fault(name, cause, {"Lambda.Unknown", _FAILED, ALL})


def fault_of_error(error: CumulusError) -> Fault:
    """Return what an error of the adapter itself means: it is never retried."""
    name = error.type
    caught_by: frozenset[str] = frozenset()
    if name != RUNTIME:
        caught_by = frozenset({name, ALL} if name in _CAUGHT_BY_ALL else {name})
    return Fault(
        error=name,
        cause=error.message,
        caught_by=caught_by,
        code=error.code,
        path=error.path,
        about=error.about,
    )


def _fault(error: str, cause: str, also: Iterable[str]) -> Fault:
    names = frozenset({error, *also})
    return Fault(error=error, cause=cause, retried_by=names, caught_by=names)


def _limit(outcome: Failed) -> Any:
    data = None if outcome.data is None else decode(outcome.data)
    return data.get("limit") if isinstance(data, dict) else None


def _camel(word: str) -> str:
    """Return `no_such_procedure` as NoSuchProcedure."""
    parts = word.split("_")
    return "".join(_INITIALS.get(part, part[:1].upper() + part[1:]) for part in parts)
