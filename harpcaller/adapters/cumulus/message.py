"""The message that tasks hand on: its form, and the wrapper it may come in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from harpcaller.adapters.cumulus.errors import CumulusError
from protocol.jsontext import JsonValue

Message: TypeAlias = dict[str, JsonValue]


@attrs.frozen(kw_only=True)
class Unwrapped:
    """A message out of its wrapper; `given` are the fields that stood beside it."""

    message: Message
    given: frozenset[str] = frozenset()


def unwrap(value: JsonValue) -> Unwrapped:
    """Return the message of a value, out of `cma` if it is wrapped; its form unjudged.

    Raises:
        CumulusError: Cumulus.InvalidMessage: no object, or `cma` without one.
    """
    raise NotImplementedError


def submitted(value: JsonValue) -> Message:
    """Return the message that was submitted, unwrapped, its form checked.

    What `replace` may yet bring need not be there.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    raise NotImplementedError


def problems(value: JsonValue) -> Iterator[CumulusError]:
    """Yield all that is wrong with the form of a submitted message."""
    raise NotImplementedError


def check_form(message: Message, task: str | None = None) -> None:
    """Do nothing if a message has the form that every task may rely on.

    Raises:
        CumulusError: Cumulus.InvalidMessage.
    """
    raise NotImplementedError


def is_set(exception: JsonValue) -> bool:
    """Tell whether an exception says that a task aborted."""
    raise NotImplementedError


def equals(one: JsonValue, other: JsonValue) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true all differ."""
    raise NotImplementedError
