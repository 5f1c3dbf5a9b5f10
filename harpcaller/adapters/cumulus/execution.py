"""What is known of one run while it goes on; the steps of its machine share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

import attrs

from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.faults import RUNTIME, Fault
from harpcaller.adapters.cumulus.rules import Rules
from harpcaller.adapters.cumulus.secrets import SecretFinder, SecretNames
from harpcaller.adapters.cumulus.workflow import Workflow
from harpcaller.adapters.machine import Action, Answer, Asked, Note, Sleep, Submit
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, encode

T = TypeVar("T")

Steps: TypeAlias = Generator[Sequence[Action], Answer, T]
"""Steps of a run: each yields what to do, and is sent what came of it."""

MAX_VISITS: Final = 25_000
MAX_IN_A_ROW: Final = 1000  # visits without a call or a sleep
_NOTHING: Final = object()
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
    execution_name: str | None = None
    secrets: list[JsonValue] = attrs.field(factory=list, repr=False)
    visit: Visit | None = None
    failed_task: str | None = None  # whose error was caught last
    states: deque[dict[str, JsonValue]] = attrs.field(
        factory=lambda: deque(maxlen=_SHOWN_STATES)
    )
    _known_secrets: set[JsonText] = attrs.field(factory=set, repr=False)
    _looked_through: dict[str, JsonValue] = attrs.field(factory=dict, repr=False)
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

    def learn_from(self, message: JsonValue) -> None:
        """Take in the secrets of a message.

        Messages share what no task changed: it is looked through once.
        """
        if not isinstance(message, dict):
            return
        for name, part in message.items():
            if self._looked_through.get(name, _NOTHING) is not part:
                self._looked_through[name] = part
                self.learn(self.secret_names.values({name: part}))

    def secret_pointers(self, value: JsonValue) -> list[str]:
        """Return JSON pointers to all that must be sealed in a value."""
        return self._finder().pointers(value)

    def masked(self, value: JsonValue) -> JsonValue:
        """Return a value with "***" in the place of each secret."""
        self.learn_from(value)
        return self._finder().masked(value)

    def _finder(self) -> SecretFinder:
        return SecretFinder(self.secret_names, self.secrets)

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
    def secret_names(self) -> SecretNames:
        """What tells by their names which values are secret."""
        return SecretNames(self.rules.secret_keys)

    @property
    def name(self) -> str:
        """The name of the execution, as far as a message told; else the job's id."""
        return self.execution_name or self.job_id

    def learn(self, secrets: Iterable[JsonValue]) -> None:
        """Take in what must be sealed wherever it stands from now on."""
        for secret in secrets:
            text = encode(secret)
            if text not in self._known_secrets:
                self._known_secrets.add(text)
                self.secrets.append(secret)

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
