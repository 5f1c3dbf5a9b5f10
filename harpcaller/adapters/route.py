"""HTTP routes that an adapter brings: values in, values out, mounted by the gateway."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import attrs

from harpcaller.adapters.fed import Feeding
from harpcaller.adapters.machine import Post
from harpcaller.roles import Role
from protocol.call import Call
from protocol.job import JobId, JobRecord
from protocol.jsontext import JsonValue
from protocol.outcome import Outcome

Settings = TypeVar("Settings")
SECRET: Final = "secret"  # noqa: S105 (a parameter of paths: see IdentityFrom)


@attrs.frozen(kw_only=True)
class Asked:
    """One HTTP request; `path` holds the parts that the route's pattern names.

    `identity` is who asks, "" for somebody who has shown nothing and None where
    nobody is asked; `token` is what he showed it by, if it was one. `site` is where
    clients find us, such as `http://localhost:3580`; `base` is where they are told to
    find us, "" where it is by the name that they know. `peer` is the address that it
    comes from, and `at` when it came, UTC seconds.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    identity: str | None = None
    token: str | None = attrs.field(default=None, repr=False)
    site: str = "http://localhost"
    base: str = ""
    peer: str = ""
    at: float = 0.0


@attrs.frozen(kw_only=True)
class FilePath:
    """A file whose bytes are the body of an answer.

    It is shown only if it lies below one of the folders `within`, links followed;
    without any it may lie anywhere.
    """

    path: PurePath
    within: tuple[PurePath, ...] = ()


@attrs.frozen(kw_only=True)
class Events:
    """What a job streams, from packet `since` on to its end, as server-sent events.

    `shows` is asked about each packet, if there is one; numbers stay what they are.
    """

    job_id: JobId
    since: int = 0
    shows: Callable[[JsonValue], bool] | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """What is answered; Content-Length is the gateway's."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes | FilePath | Events = b""


@attrs.frozen(kw_only=True)
class Accepted:
    """The job that stands for a call; with `is_duplicate` an earlier one of its key."""

    job_id: JobId
    is_duplicate: bool = False


class Operations(Protocol):
    """What a handler may have done, in the name of who asks."""

    async def submit(self, call: Call) -> Accepted:
        """Accept a call.

        Raises:
            WireError: it was refused; nothing of it was kept.
        """

    async def outcome(self, job_id: JobId) -> Outcome:
        """Return how a job ended, once it has.

        Raises:
            WireError: `shutting_down` before that, or there is no such job.
        """

    async def outcome_within(self, job_id: JobId, seconds: float) -> Outcome | None:
        """Return how a job ended, None if it has not within so many seconds.

        Raises:
            WireError: as `outcome` does.
        """

    async def job(self, job_id: JobId) -> JobRecord:
        """Return what is known of a job.

        Raises:
            WireError: there is no such job for who asks.
        """

    @property
    def fed(self) -> Feeding:
        """What may be done with jobs of the adapter that nobody runs."""

    async def hindrances(self) -> Sequence[str]:
        """Return why a call would not be taken and kept now; nothing if it would."""

    async def installation(self) -> str:
        """Return 64 hexadecimal digits that stand for this store, for ever."""

    # Documents of the adapter's own: whatever it has to know after a restart.
    async def document(self, name: str) -> bytes | None:
        """Return the document, if there is one."""

    async def documents(self) -> Sequence[str]:
        """Return the names of all there are, sorted."""

    async def keep(self, name: str, body: bytes | None) -> None:
        """Keep, replace or (with None) remove a document; it is durable then.

        Raises:
            WireError: the store does not take it.
        """

    async def post(self, post: Post) -> None:
        """Tell somebody over HTTP, once, and wait for that a short while at most."""


class IdentityFrom(Enum):
    """What shows who asks: `Authorization`, or a secret in the path.

    With ROUTE `Authorization` is not looked at: it may be for somebody else. The
    pattern's parameter `secret`, if it has one, is the token of an identity.
    """

    HEADERS = "headers"
    ROUTE = "route"
    IF_SHOWN = "if shown"  # nobody is asked; but a token has to be somebody's


Handler: TypeAlias = Callable[
    [Asked, Operations, Settings], Coroutine[Any, Any, Answer]
]
"""Answers a request by the settings in force; it waits for the operations only.

What it does between them may be done in any thread.
"""


@attrs.frozen(kw_only=True)
class Route(Generic[Settings]):
    """One method of one path.

    `path` is a pattern like `/harmony/{service}`. `openapi` is its operation object.
    Without a `role` nobody is asked who he is.
    `error_shape` makes the body, and its media type, of an error that the gateway
    answers: status, type and message in. `statuses` are those of types of errors that
    its clients would take amiss. `may_wait`: it may answer after minutes.
    """

    method: str
    path: str
    role: Role | None
    handler: Handler[Settings]
    openapi: Mapping[str, Any] = attrs.field(factory=dict)
    error_shape: Callable[[int, str, str], tuple[bytes, str]] | None = None
    statuses: Mapping[str, int] = attrs.field(factory=dict)
    max_body_bytes: int = 2**20
    may_wait: bool = False
    identity: IdentityFrom = IdentityFrom.HEADERS
