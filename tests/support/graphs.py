"""Machines that decide at random and yet do the same again: graphs of what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import attrs
from families import a_sleep, a_submit
from hypothesis import strategies as st
from scripted_runner import QUEUE

from harpcaller.adapters.machine import (
    Action,
    Asked,
    Cancel,
    Cancelled,
    End,
    Ended,
    Event,
    Fetch,
    Fetched,
    Note,
    Save,
    Submit,
)
from protocol.jsontext import JsonText, encode
from protocol.outcome import Outcome, Returned

DOCUMENT = "s3://bucket/here"
Manner: TypeAlias = Literal["orderly", "at once", "never"]

KINDS = (
    "nap",  # these three are procedures
    "quick",
    "fail",
    "waiting",  # a nap, in a queue for one
    "sleep",
    "fetch",
    "miss",
    "save",
)


@attrs.frozen(kw_only=True)
class Node:
    """Something to ask for, and what follows from its answer.

    The lists name nodes by number; each is asked for once, by whoever comes first.
    """

    kind: str
    if_good: tuple[int, ...] = ()
    if_bad: tuple[int, ...] = ()
    gives_up: tuple[int, ...] = ()
    notes: int = 0
    ends: bool = False


@attrs.frozen(kw_only=True)
class Graph:
    """All that a machine may do; `manner` is how it takes a cancel."""

    nodes: tuple[Node, ...]
    begins: tuple[int, ...]
    manner: Manner


@attrs.define
class GraphMachine:
    """Walks a graph; `trace` has all that it was told and what it asked for then."""

    graph: Graph
    trace: list[tuple[Event | float, Sequence[Action]]] = attrs.field(factory=list)
    end: Outcome | None = None
    _asked: set[int] = attrs.field(factory=set)
    _open: dict[str, Asked] = attrs.field(factory=dict)
    _answered: list[str] = attrs.field(factory=list)
    _notes: int = 0
    _is_cancelled: bool = False

    @property
    def told(self) -> list[Event]:
        """All events, in order."""
        return [event for event, _ in self.trace if not isinstance(event, float)]

    @property
    def asked(self) -> list[Action]:
        """All actions, in order."""
        return [action for _, actions in self.trace for action in actions]

    def start(self, at: float) -> Sequence[Action]:
        """Return what to do first."""
        actions = self._note(1) + self._ask_for(self.graph.begins)
        return self._done(at, actions)

    def on(self, event: Event) -> Sequence[Action]:
        """Return what to do now."""
        if isinstance(event, Cancelled):
            self._is_cancelled = True
            return self._done(event, self._give_up_all())
        del self._open[event.key]
        self._answered.append(f"{event.key} at {event.at}")
        node = self.graph.nodes[int(event.key)]
        follows = node.if_good if _is_good(event) else node.if_bad
        if self._is_cancelled and self.graph.manner == "orderly":
            follows = ()
        actions = self._note(node.notes) + self._ask_for(follows)
        for number in node.gives_up:
            actions += self._give_up(str(number))
        return self._done(event, actions, ends=node.ends)

    def _done(
        self, event: Event | float, actions: list[Action], *, ends: bool = False
    ) -> Sequence[Action]:
        if ends or not self._open:
            self.end = Returned(encode([*self._answered]))
            actions = [*actions, End(self.end)]
        self.trace.append((event, actions))
        return actions

    def _note(self, count: int) -> list[Action]:
        numbers = range(self._notes, self._notes + count)
        self._notes += count
        return [Note(encode({"note": number})) for number in numbers]

    def _ask_for(self, numbers: Sequence[int]) -> list[Action]:
        actions: list[Action] = []
        for number in numbers:
            if number not in self._asked:
                self._asked.add(number)
                asked = _action(str(number), self.graph.nodes[number].kind)
                self._open[asked.key] = asked
                actions.append(asked)
        return actions

    def _give_up_all(self) -> list[Action]:
        if self.graph.manner == "never":
            return []
        actions = [action for key in [*self._open] for action in self._give_up(key)]
        if self.graph.manner == "at once":
            self._open.clear()
        return actions

    def _give_up(self, key: str) -> list[Action]:
        if key not in self._open:
            return []
        if not isinstance(self._open[key], Submit):
            del self._open[key]
        return [Cancel(key=key)]


def _is_good(event: Event) -> bool:
    if isinstance(event, Ended):
        return isinstance(event.outcome, Returned)
    return isinstance(event, Fetched)


def _action(key: str, kind: str) -> Asked:
    match kind:
        case "waiting":
            return a_submit(key, "nap", queue=QUEUE)
        case "sleep":
            return a_sleep(key, 1.5)
        case "fetch":
            return Fetch(key=key, uri=DOCUMENT, max_bytes=100)
        case "miss":
            return Fetch(key=key, uri="s3://bucket/none", max_bytes=100)
        case "save":
            return Save(key=key, uri=f"s3://bucket/{key}", body=b"new")
        case _:
            return a_submit(key, kind)


def graphs(most: int = 8) -> st.SearchStrategy[Graph]:
    """Return graphs of up to so many nodes."""
    return st.integers(1, most).flatmap(_graphs_of)


def _graphs_of(count: int) -> st.SearchStrategy[Graph]:
    some = st.lists(st.integers(0, count - 1), max_size=3).map(tuple)
    few = st.lists(st.integers(0, count - 1), max_size=1).map(tuple)
    nodes: Any = st.builds(
        Node,
        kind=st.sampled_from(KINDS),
        if_good=some,
        if_bad=some,
        gives_up=few,
        notes=st.integers(0, 2),
        ends=st.sampled_from([False] * 9 + [True]),
    )
    return st.builds(
        Graph,
        nodes=st.lists(nodes, min_size=count, max_size=count).map(tuple),
        begins=some,
        manner=st.sampled_from(["orderly", "at once", "never"]),
    )


def notes_of(actions: Sequence[Action]) -> list[JsonText]:
    """Return the packets of the Notes among actions."""
    return [action.packet for action in actions if isinstance(action, Note)]
