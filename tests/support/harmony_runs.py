"""Requests of Harmony carried out in a scripted world: workers, a recorder of posts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import attrs
from harmony_corpus import settings
from harmony_requests import JOB

from harpcaller.adapters.harmony.keeping import keep
from harpcaller.adapters.harmony.making import machine_for, make_machine
from harpcaller.adapters.harmony.settings import Settings
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
    FetchFailed,
    Machine,
    Note,
    Post,
    Posted,
    Reason,
    Save,
    Saved,
    SaveFailed,
    Sleep,
    Slept,
    Submit,
    child_id,
)
from protocol import outcome as ends
from protocol.call import Call, unseal
from protocol.jsontext import decode, encode
from protocol.outcome import Outcome, Raised, Returned, read_outcome

REFERENCE = "sealed:0123456789abcdef0123456789abcdef:"
CALLBACK = f"{REFERENCE}1"
TOKEN = f"{REFERENCE}0"

Answering = Callable[[str, Any], Any]
"""Returns the outcome of a call, by its key and arguments, as JSON tells it."""


def asked(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with references in the place of its secrets."""
    references = {"accessToken": TOKEN, "callback": CALLBACK}
    return {
        **message,
        **{name: references[name] for name in references if name in message},
    }


def a_call(
    service: str, message: Mapping[str, Any], sources: Any = None, **options: Any
) -> Call:
    """Return the call that a parent's machine is made of."""
    arguments = {"operation": asked(message), "sources": sources, "options": options}
    return Call(host="@harmony", procedure=service, arguments=encode(arguments))


@attrs.define
class World:
    """Answers what a machine asks for; children end in the order they were asked.

    `outcomes` are of calls, by key; without one `answer` gives it. `posts` answers
    posts by their number from 0, else 200. A held key is answered only once nothing
    else can be.
    """

    answer: Answering | None = None
    outcomes: Mapping[str, Any] = attrs.field(factory=dict)
    posts: Mapping[int, int | None] = attrs.field(factory=dict)
    documents: Mapping[str, Any] = attrs.field(factory=dict)
    saved: dict[str, Any] = attrs.field(factory=dict)
    save_fails: Sequence[str] = ()
    at: float = 1_000_000
    interrupt: tuple[str, Reason] | None = None  # once this key is asked for
    calls: list[Submit] = attrs.field(factory=list)
    posted: list[Post] = attrs.field(factory=list)
    sleeps: list[float] = attrs.field(factory=list)
    asked: list[Action] = attrs.field(factory=list)
    told: list[Event] = attrs.field(factory=list)
    steps: list[Sequence[Action]] = attrs.field(factory=list)
    most_live: int = 0
    cancelled: list[str] = attrs.field(factory=list)
    waiting: list[Asked] = attrs.field(factory=list)

    def run(self, machine: Machine) -> Outcome:
        """Return how a machine ends."""
        actions = machine.start(self.at)
        while True:
            self.steps.append(actions)
            for action in actions:
                self.asked.append(action)
                if isinstance(action, End):
                    return action.outcome
                self._take(action)
            event = self._interrupted() or self._next()
            self.told.append(event)
            actions = machine.on(event)

    def _take(self, action: Action) -> None:
        match action:
            case Note() | End():
                return
            case Cancel(key=key):
                self.cancelled.append(key)
                self.waiting = [
                    one
                    for one in self.waiting
                    if one.key != key or isinstance(one, Submit)
                ]
                return
            case Submit():
                self.calls.append(action)
            case _:
                pass
        assert all(one.key != action.key for one in self.waiting), action.key
        self.waiting.append(action)
        live = sum(isinstance(one, Submit) for one in self.waiting)
        self.most_live = max(self.most_live, live)

    def _interrupted(self) -> Event | None:
        if self.interrupt is None:
            return None
        key, reason = self.interrupt
        if all(one.key != key for one in self.waiting):
            return None
        self.interrupt = None
        self.at += 1
        return Cancelled(at=self.at, reason=reason)

    def _next(self) -> Event:
        # What takes no time comes first; a sleep last.
        ranks = {Post: 0, Save: 0, Fetch: 0, Submit: 1, Sleep: 2}
        self.waiting.sort(
            key=lambda one: (
                ranks[type(one)],
                one.seconds if isinstance(one, Sleep) else 0,
            )
        )
        return self.answer_to(self.waiting.pop(0))

    def answer_to(self, asked: Asked) -> Event:
        """Return what comes of something that is asked for."""
        self.at += 1
        key, at = asked.key, self.at
        match asked:
            case Submit():
                return self._end(asked)
            case Sleep(seconds=seconds):
                self.sleeps.append(seconds)
                self.at += seconds
                return Slept(key=key, at=self.at)
            case Post():
                self.posted.append(asked)
                status = self.posts.get(len(self.posted) - 1, 200)
                return Posted(
                    key=key, at=at, status=status, retry_after_s=None, body=b""
                )
            case Save(uri=uri, body=body):
                if key in self.save_fails:
                    return SaveFailed(key=key, at=at, code="ENOSPC", text="full")
                self.saved[uri] = decode(body)
                return Saved(key=key, at=at)
            case Fetch(uri=uri):
                if uri not in self.documents:
                    return FetchFailed(
                        key=key, at=at, code="ENOENT", text="no such file"
                    )
                body = self.documents[uri]
                text = body if isinstance(body, bytes) else encode(body)
                return Fetched(key=key, at=at, body=text)

    def _end(self, submit: Submit) -> Ended:
        if submit.key in self.cancelled:
            outcome: Outcome = ends.Cancelled()
        else:
            outcome = read_outcome(encode(self._told(submit)))
        return Ended(
            key=submit.key,
            at=self.at,
            job_id=child_id(JOB, submit.key),
            outcome=outcome,
            started_at=self.at - 0.5,
            ended_at=self.at,
        )

    def _told(self, submit: Submit) -> Any:
        for key in (submit.key, submit.key.partition("/")[0]):
            if key in self.outcomes:
                return self.outcomes[key]
        assert self.answer is not None, submit.key
        call = submit.call
        return self.answer(submit.key, decode(unseal(call.arguments, call.sealed)))

    # ── what was told ──
    @property
    def keys(self) -> list[str]:
        """The keys of all calls, in order."""
        return [submit.key for submit in self.calls]

    @property
    def queries(self) -> list[dict[str, str]]:
        """The parameters of all posts, in order."""
        return [dict(parse_qsl(post.url.partition("?")[2])) for post in self.posted]

    def notes(self, kind: str | None = None) -> list[Any]:
        """Return the packets that were noted, those of one kind if it is given."""
        found: list[Any] = [
            decode(action.packet) for action in self.asked if isinstance(action, Note)
        ]
        return [note for note in found if kind in (None, note["harmony"])]

    def arguments(self, key: str) -> Any:
        """Return the arguments of a call, its references in place."""
        (submit,) = [each for each in self.calls if each.key == key]
        return decode(unseal(submit.call.arguments, submit.call.sealed))


def machine_of(call: Call, loaded: Settings | None = None) -> Machine:
    """Return the machine of a call by settings, those of the corpus if none.

    Only what was read from files can be kept.
    """
    if loaded is not None:
        return machine_for(loaded, JOB, call)
    return make_machine(keep(settings(), call), JOB, call)


def carried_out(
    call: Call, world: World, loaded: Settings | None = None
) -> tuple[str, Any]:
    """Return how a request ended: its exception, or "", and its result."""
    outcome = world.run(machine_of(call, loaded))
    match outcome:
        case Returned(value):
            return "", decode(value)
        case Raised(type=kind, message=message, data=data):
            return f"{kind}: {message}", None if data is None else decode(data)
        case _:
            return type(outcome).__name__, outcome
