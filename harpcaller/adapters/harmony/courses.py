"""The course of one unit: how often it was tried, how it ended, what it made."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.endings import Category
from harpcaller.adapters.harmony.outputs import Output
from harpcaller.adapters.harmony.plan import Feed
from harpcaller.adapters.harmony.tries import Tries
from harpcaller.adapters.harmony.units import Unit
from protocol.jsontext import JsonValue


class State(StrEnum):
    """How a unit ended."""

    SUCCESSFUL = "successful"
    WARNING = "warning"
    FAILED = "failed"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class Origin:
    """Where a unit comes from.

    A line is a batch, or a lot, with all that is made of it until a step that waits
    for all; `way` leads to the unit within. `inputs` are ids of granules.
    """

    line: int
    way: tuple[int, ...] = ()
    batches: tuple[int, ...]
    inputs: tuple[str, ...] = attrs.field(repr=False)


@attrs.define(kw_only=True, eq=False)
class Course:
    """One unit; `state` is None until it has ended."""

    unit: Unit
    step: Step
    origin: Origin
    feed: Feed | None = attrs.field(repr=False)  # None once nobody needs it
    tries: Tries = attrs.field(factory=Tries)
    attempts: list[JsonValue] = attrs.field(factory=list)
    is_written: bool = False  # its documents
    state: State | None = None
    text: str | None = None
    category: Category | None = None
    outputs: tuple[Output, ...] = attrs.field(default=(), repr=False)
    message: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    accessed_at: float = 0

    @property
    def order(self) -> tuple[int, ...]:
        """Its place among the units of its step."""
        return (self.origin.line, *self.origin.way)

    def fail(self, category: Category, text: str) -> None:
        """Let it have failed for good."""
        self.state, self.category, self.text = State.FAILED, category, text
        self.outputs = ()

    def cancel(self) -> None:
        """Let it have been cancelled."""
        self.state, self.outputs = State.CANCELLED, ()

    def value(self) -> JsonValue:
        """Return what the result of the request tells of it."""
        return {
            "key": self.unit.key,
            "step": self.unit.step,
            "state": self.state,
            "attempts": self.attempts,
            "message": self.text,
        }
