"""How one attempt of a unit ended, in the words of harmony-service-lib."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias, assert_never

import attrs

from harpcaller.adapters.harmony.chains import last_segment
from harpcaller.adapters.harmony.stac import text_of
from protocol.errors import ErrorType
from protocol.jsontext import decode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

TIMED_OUT: Final = "Request timed out"
CANCELLED: Final = "Request was canceled by the service operator"
UNKNOWN: Final = "Service request failed with an unknown error"
_KILLED: Final = "Service failed, possibly out of memory"
_MISCONFIGURED: Final = "The service is not available"
_OPERATOR: Final = "cancelled by the operator"
_SIGKILL: Final = 9
_USAGE: Final = 2  # the exit status of a command line that was not understood
# Presigned links have their secret in the query. It matches without one too: a search
# that fails at each link anew would take the square of a text's length.
_LINK: Final = re.compile(r"(://[^\s?]*)(?:\?\S*)?")


class Category(StrEnum):
    """What kind of failure it was; the library's words."""

    SERVICE = "Service"
    SERVER = "Server"
    FORBIDDEN = "Forbidden"
    NO_RETRY = "NoRetry"
    NO_DATA = "NoData"
    CANCELED = "Canceled"
    UNKNOWN = "Unknown"


class Again(StrEnum):
    """Whether another attempt may help, and which limit counts it."""

    NEVER = "never"
    FAILED = "failed"
    LOST = "lost"
    TIMED_OUT = "timed_out"


@attrs.frozen
class Succeeded:
    """The service did its work; what it returned."""

    result: Any


@attrs.frozen
class Empty:
    """There was nothing to do: no error, and no output."""

    text: str


@attrs.frozen(kw_only=True)
class Broken:
    """The attempt failed; `text` is for the user."""

    category: Category
    text: str
    again: Again


Ending: TypeAlias = Succeeded | Empty | Broken

_FINAL: Final = frozenset({Category.NO_RETRY, Category.FORBIDDEN, Category.CANCELED})
# Nothing that is tried again makes these right; the log says what is wrong.
_SETTLED: Final = frozenset(
    {
        "no_such_procedure",
        "auth_error",
        "invalid_argument_list",
        ErrorType.PROTOCOL_ERROR,
        ErrorType.UNKNOWN_HOST,
        ErrorType.FORBIDDEN,
        ErrorType.UNAUTHORIZED,
        ErrorType.INVALID_REQUEST,
        ErrorType.TOO_LARGE,
    }
)


def read_ending(outcome: Outcome, image: str, *, is_command: bool) -> Ending:
    """Return how an attempt ended; `is_command` tells if a container was run.

    A cancelled one was cancelled by somebody else: nobody asks about those of ours.
    """
    match outcome:
        case Returned(value):
            result = decode(value)
            is_told = isinstance(result, dict) and "exit" in result
            if is_command or is_told:
                return _read_command(result, image)
            return Succeeded(result)
        case Raised(type=kind, message=message):
            text = message.partition("\n")[0] or UNKNOWN
            return _read_exception(kind, text, image)
        case Failed(type=kind):
            return _read_failure(kind, image)
        case Cancelled():
            return broken(Category.CANCELED, _OPERATOR, image, Again.NEVER)
    assert_never(outcome)


def _read_exception(kind: str, text: str, image: str) -> Empty | Broken:
    """Return what an exception means; its type may be one of the library's words."""
    if kind == Category.NO_DATA:
        return Empty(_for_users(text, image))
    category = Category(kind) if kind in set(Category) else Category.UNKNOWN
    return broken(category, text, image, _again(category))


def _read_failure(kind: str, image: str) -> Broken:
    if kind == ErrorType.TIMEOUT:
        return Broken(category=Category.CANCELED, text=TIMED_OUT, again=Again.TIMED_OUT)
    if kind == ErrorType.MISSING_RESULT:
        return broken(Category.UNKNOWN, UNKNOWN, image, Again.LOST)
    if kind in _SETTLED:
        return broken(Category.SERVICE, _MISCONFIGURED, image, Again.NEVER)
    return broken(Category.UNKNOWN, UNKNOWN, image, Again.FAILED)


def _read_command(result: Any, image: str) -> Ending:
    """Return how a container ended: by its error.json first, then by its exit."""
    told = result if isinstance(result, dict) else {}
    error = told.get("error")
    if told.get("exit") == 0:
        return Succeeded(result)
    if isinstance(error, dict):
        return _read_error(error, image)
    if told.get("exit") == _USAGE:
        return broken(Category.SERVICE, _MISCONFIGURED, image, Again.NEVER)
    text = _KILLED if told.get("signal") == _SIGKILL else UNKNOWN
    return broken(Category.UNKNOWN, text, image, Again.FAILED)


def _read_error(error: Mapping[str, Any], image: str) -> Empty | Broken:
    text = text_of(error, "error") or UNKNOWN
    if error.get("level") == "Warning":
        return Empty(_for_users(text, image))
    word = text_of(error, "category") or Category.SERVICE
    category = Category(word) if word in set(Category) else Category.UNKNOWN
    return broken(category, text, image, _again(category))


def _again(category: Category) -> Again:
    return Again.NEVER if category in _FINAL else Again.FAILED


def broken(category: Category, text: str, image: str, again: Again) -> Broken:
    """Return how an attempt failed; users read the image's name before `text`."""
    return Broken(category=category, text=_for_users(text, image), again=again)


def _for_users(text: str, image: str) -> str:
    told = _LINK.sub(r"\1", text)
    return f"{last_segment(image)}: {told}"
