"""The posts to Harmony: one at a time, in order, each until it has been taken.

waiting ──▶ posting ──▶ delivered          the next one is posted
             │   ▲
             ▼   │
            pausing                        5xx, 429, no answer
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

from harpcaller.adapters.harmony.parameters import Parameters, query
from harpcaller.adapters.machine import Action, Cancel, Post, Posted, Sleep

MOST_TRIES: Final = 30
_LONGEST_S: Final = 60.0
_LONGEST_ASKED_S: Final = 3600.0
_GONE: Final = frozenset({404, 409})
_TOO_MANY: Final = 429


@attrs.frozen(kw_only=True)
class Message:
    """One post: its parameters; `file` is sent as its body."""

    parameters: Parameters
    batches: tuple[int, ...] = ()  # that it tells of
    is_last: bool = False
    file: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@attrs.define(eq=False)
class Delivery:
    """Posts to `callback`; without one nothing is posted, and all is delivered.

    `is_gone` tells that Harmony wants no more; `refused` are messages that it did not
    take, each with why.
    """

    job_id: str
    callback: str | None = attrs.field(repr=False)
    allow: tuple[str, ...] = ()
    is_gone: bool = attrs.field(default=False, init=False)
    is_closed: bool = attrs.field(default=False, init=False)  # the last was sent
    posted_at: float = attrs.field(default=0, init=False)
    unheard: str | None = attrs.field(default=None, init=False)  # the last was not
    refused: list[tuple[Message, str]] = attrs.field(factory=list, init=False)
    _waiting: deque[Message] = attrs.field(factory=deque, init=False)
    _current: Message | None = attrs.field(default=None, init=False)
    _pause: str | None = attrs.field(default=None, init=False)
    _count: int = attrs.field(default=0, init=False)
    _tries: int = attrs.field(default=0, init=False)
    _is_hurried: bool = attrs.field(default=False, init=False)

    @property
    def is_idle(self) -> bool:
        """Whether all was delivered."""
        return self._current is None and not self._waiting

    def send(self, message: Message) -> None:
        """Have a message posted after all others; after the last there is none."""
        if self.is_closed or self.is_gone:
            return
        self.is_closed = message.is_last
        if self.callback is not None:
            self._waiting.append(message)

    def go_on(self) -> Sequence[Action]:
        """Post the next message, if none is on its way."""
        if self._current is not None or not self._waiting:
            return []
        self._current = self._waiting.popleft()
        self._count += 1
        self._tries = 0
        return [self._post(self._current)]

    def hurry(self) -> Sequence[Action]:
        """Give up all that waits: only what is being posted may still arrive.

        If the last was given up, there may be another one.
        """
        given_up = [*self._waiting]
        self._waiting.clear()
        self._is_hurried = True
        key, self._pause = self._pause, None
        if key is not None and self._current is not None:
            given_up.append(self._current)
            self._current = None
        if any(message.is_last for message in given_up):
            self.is_closed = False
        return [] if key is None else [Cancel(key=key)]

    def wake(self) -> Sequence[Action]:
        """Post once more what was not taken."""
        self._pause = None
        return [] if self._current is None else [self._post(self._current)]

    def on(self, event: Posted) -> Sequence[Action]:
        """Return what to do now that there is an answer, or none."""
        self.posted_at = event.at
        message = self._current
        assert message is not None  # noqa: S101 (it was posted)
        status = event.status
        self._tries += 1
        if status is not None and 200 <= status < 300:
            self._current = None
        elif status in _GONE:
            self._gone(message, event)
        elif _may_heal(status) and self._may_try(message):
            return [self._sleep(event.retry_after_s)]
        else:
            self._current = None
            self._refuse(message, status)
        return []

    # ── steps ──
    def _post(self, message: Message) -> Post:
        return Post(
            key=self._key("a"),
            method="POST",
            url=f"{self.callback}/response?{query(message.parameters)}",
            headers=message.headers,
            file=message.file,
            allow=self.allow,
        )

    def _refuse(self, message: Message, status: int | None) -> None:
        text = f"Harmony did not take a post: {status or 'no answer'}"
        self.refused.append((message, text))
        if message.is_last:
            self.unheard = text

    def _gone(self, message: Message, event: Posted) -> None:
        """Let Harmony have ended it; the end may be what it was told before."""
        was_told = message.is_last and (event.again or self._tries > 1)
        self._current = None
        if not was_told:
            self.is_gone = True
            self._waiting.clear()

    def _may_try(self, message: Message) -> bool:
        if self._is_hurried and not message.is_last:
            return False
        return self._tries < MOST_TRIES

    def _sleep(self, retry_after_s: float | None) -> Sleep:
        self._pause = self._key("w")
        longest_s = min(_LONGEST_S, 0.1 * 2.0 ** (self._tries + 2))
        asked_s = min(_LONGEST_ASKED_S, retry_after_s or 0)
        spread = 1 - _fraction(f"{self.job_id}/{self._pause}") / 4
        return Sleep(key=self._pause, seconds=max(longest_s * spread, asked_s))

    def _key(self, kind: str) -> str:
        return f"cb{self._count}/{kind}{self._tries}"


def _may_heal(status: int | None) -> bool:
    return status is None or status == _TOO_MANY or status >= 500


def _fraction(key: str) -> float:
    """Return a number from 0 up to 1 that is always the same for a key."""
    return hashlib.sha256(key.encode()).digest()[0] / 256
