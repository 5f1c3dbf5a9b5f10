"""What is known of one run while it goes on; the steps of its machine share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from typing import Final, TypeAlias, TypeVar

import attrs

from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.faults import RUNTIME, Fault
from harpcaller.adapters.cumulus.known_secrets import KnownSecrets
from harpcaller.adapters.cumulus.rules import Rules
from harpcaller.adapters.cumulus.workflow import Workflow
from harpcaller.adapters.machine import Action, Answer, Asked, Note, Sleep, Submit
from protocol.job import JobId
from protocol.jsontext import JsonValue, encode

T = TypeVar("T")

Steps: TypeAlias = Generator[Sequence[Action], Answer, T]
"""Steps of a run: each yields what to do, and is sent what came of it."""

MAX_VISITS: Final = 25_000
MAX_IN_A_ROW: Final = 1000  # visits without a call or a sleep
_SHOWN_STATES: Final = 1000  # of those that led to a failure


class Faulted(Exception):
    """A visit failed, and no retry is left."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.error)
        self.fault = fault


@attrs.define
class Visit:
    """One stay in a task or state, with all its attempts."""

    number: int
    name: str
    index: int | None
    came_in: JsonValue = attrs.field(repr=False)
    attempts: int = 0
    job_id: JobId | None = None
    seconds: float | None = None
    _waits: int = 0

    def key(self, what: str) -> str:
        """Return the key of something that is asked for during this visit."""
        return f"{self.number}.{self.name}/{what}"

    def next_wait(self) -> str:
        """Return the key of one more sleep."""
        self._waits += 1
        return self.key(f"wait{self._waits - 1}")

    def named(self) -> dict[str, JsonValue]:
        """Return what tells people which visit it is."""
        if self.index is None:
            return {"task": self.name}
        return {"task": self.name, "index": self.index}


@attrs.define
class Execution:
    """Where a run is: its visits so far, and what is to be said with the next step."""

    job_id: JobId
    rules: Rules
    workflow: Workflow
    secrets: KnownSecrets
    execution_name: str | None = None
    visit: Visit | None = None
    failed_task: str | None = None  # whose error was caught last
    states: deque[dict[str, JsonValue]] = attrs.field(
        factory=lambda: deque(maxlen=_SHOWN_STATES)
    )
    _visits: int = 0
    _in_a_row: int = 0
    _pending: list[Action] = attrs.field(factory=list)

    def enter(self, name: str, document: JsonValue) -> Visit:
        """Return a new visit of a state.

        Raises:
            CumulusError: States.Runtime: there were too many.
        """
        index = getattr(self.workflow.states[name], "index", None)
        self.visit = Visit(self._visits, name, index, document)
        self._visits += 1
        self._in_a_row += 1
        if self._visits > MAX_VISITS:
            raise CumulusError(RUNTIME, f"more than {MAX_VISITS} visits of states")
        if self._in_a_row > MAX_IN_A_ROW:
            cause = f"more than {MAX_IN_A_ROW} states without a call or a sleep"
            raise CumulusError(RUNTIME, cause)
        return self.visit

    def record(self, visit: Visit, outcome: str) -> None:
        """Note for a failure to come how the visit of a task went."""
        fields: dict[str, JsonValue] = {
            "task": visit.name,
            "job_id": visit.job_id,
            "seconds": visit.seconds,
            "outcome": outcome,
        }
        self.states.append(
            {key: value for key, value in fields.items() if value is not None}
        )

    @property
    def at(self) -> Visit:
        """The visit that is, or was the last."""
        assert self.visit is not None  # noqa: S101 (nothing is done outside of one)
        return self.visit

    @property
    def name(self) -> str:
        """The name of the execution, as far as a message told; else the job's id."""
        return self.execution_name or self.job_id

    def note(self, word: str, fields: dict[str, JsonValue]) -> None:
        """Have a packet streamed, before whatever is asked for next."""
        present = {key: value for key, value in fields.items() if value is not None}
        self._pending.append(Note(encode({"cumulus": word, **present})))

    def do(self, action: Action) -> None:
        """Have something done for which there is no answer to wait for."""
        self._pending.append(action)

    def taken(self, *asked: Action) -> list[Action]:
        """Return all that is pending, and what is asked for now."""
        actions = [*self._pending, *asked]
        self._pending.clear()
        return actions

    def ask(self, asked: Asked, *also: Action) -> Steps[Answer]:
        """Ask for something and return the answer to it, or to what is asked `also`."""
        if isinstance(asked, Submit | Sleep):
            self._in_a_row = 0
        answer = yield self.taken(asked, *also)
        if answer.again:
            self.note("resumed", {"task": self.at.name})
        return answer
