"""What a machine has asked for and has not been told yet: the driver's books, pure.

It takes what a machine asks for and what it is told in the same way while the parent
runs and while its log is replayed; only the driver knows which of the two it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import assert_never

import attrs

from harpcaller.adapters.machine import (
    ANSWERS,
    Action,
    Asked,
    Cancel,
    Cancelled,
    End,
    Event,
    Fetch,
    Note,
    Post,
    Reason,
    Save,
    Sleep,
    Submit,
)
from harpcaller.adapters.packets import is_event
from protocol.jsontext import JsonText
from protocol.outcome import Outcome


class NotAsked(Exception):
    """An event tells of something that the machine did not ask for."""


@attrs.frozen(kw_only=True)
class Changes:
    """What there is to do since the machine was told something, in this order."""

    opened: tuple[Asked, ...] = ()
    dropped: tuple[str, ...] = ()  # nobody wants their answers any more
    unwanted: tuple[str, ...] = ()  # children to cancel; they still end


class Agenda:
    """Holds what is open: bounded by what the machine wants at one time."""

    def __init__(self) -> None:
        self.open: dict[str, Asked] = {}
        self.unwanted: set[str] = set()
        self.end: Outcome | None = None
        self.cancelled: Reason | None = None
        self._notes: deque[JsonText] = deque()  # not in the log yet
        self._notes_ahead = 0  # in the log already, and not asked for yet

    # ── what the machine asks for ──
    def take(self, actions: Sequence[Action]) -> Changes:
        """Take what a machine asks for, up to its End; return what there is to do.

        Raises:
            ValueError: the machine has a bug: a key that is in use, or a Note that
                would be taken for an event.
        """
        opened: list[Asked] = []
        dropped: list[str] = []
        unwanted: list[str] = []
        for action in actions:
            match action:
                case Note(packet):
                    self._note(packet)
                case Cancel(key=key):
                    self._give_up(key, dropped, unwanted)
                case End(outcome):
                    self.end = outcome
                    break
                case Submit() | Fetch() | Save() | Post() | Sleep():
                    self._open(action)
                    opened.append(action)
                case _:
                    assert_never(action)
        return Changes(
            opened=tuple(opened), dropped=tuple(dropped), unwanted=tuple(unwanted)
        )

    def notes(self) -> list[JsonText]:
        """Return, once, the Notes that have to be written."""
        notes = list(self._notes)
        self._notes.clear()
        return notes

    # ── what it is told ──
    def answer(self, event: Event) -> None:
        """Count as told what the machine is about to be told.

        Raises:
            NotAsked: the machine does not wait for it.
        """
        if self.end is not None:
            raise NotAsked("the machine had ended")
        if isinstance(event, Cancelled):
            # Once a client wants it, it does not matter what else was too long.
            if self.cancelled is not Reason.CLIENT:
                self.cancelled = event.reason
            return
        asked = self.open.get(event.key)
        if asked is None or not isinstance(event, ANSWERS[type(asked)]):
            raise NotAsked(event.key)
        del self.open[event.key]
        self.unwanted.discard(event.key)

    def find_note(self) -> None:
        """Count a Note that is in the log: the n-th there is the machine's n-th."""
        if self._notes:
            self._notes.popleft()
        else:
            self._notes_ahead += 1

    def resumed(self) -> Changes:
        """Return all that is open, to be done once more."""
        return Changes(
            opened=tuple(self.open.values()), unwanted=tuple(sorted(self.unwanted))
        )

    # ── steps ──
    def _note(self, packet: JsonText) -> None:
        if is_event(packet):
            raise ValueError("a Note must not have the key 'event'")
        if self._notes_ahead:
            self._notes_ahead -= 1
        else:
            self._notes.append(packet)

    def _open(self, asked: Asked) -> None:
        if asked.key in self.open:
            raise ValueError(f"the machine waits for {asked.key!r} already")
        self.open[asked.key] = asked

    def _give_up(self, key: str, dropped: list[str], unwanted: list[str]) -> None:
        asked = self.open.get(key)
        if isinstance(asked, Submit):
            self.unwanted.add(key)
            unwanted.append(key)
        elif asked is not None:
            del self.open[key]
            dropped.append(key)
