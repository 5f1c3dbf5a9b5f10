"""What commands act on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs

from harpcaller.dispatch.dispatcher import Dispatcher
from harpcaller.hosts.refresh import Refreshed
from harpcaller.store import Store
from indira.commands import Reply
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue


@attrs.frozen(kw_only=True)
class Administered:
    """The parts of a daemon that commands act on.

    `status` takes whether to wait until the daemon is ready. `list_hosts` is
    sorted by `hostname` and free of credentials. `max_age_s` tells how long ended
    jobs are kept, None where they are kept for ever. `limits` are those that the
    configuration sets. `connections` tells of so many clients at most, in the order
    of their numbers, from the first above the given one on.
    """

    store: Store
    cancel: Callable[[JobId], Awaitable[bool]]
    cancel_queue: Callable[[JsonText], Awaitable[int]]
    list_hosts: Callable[[], Sequence[dict[str, JsonValue]]]
    refresh_hosts: Callable[[], Awaitable[Refreshed]]
    status: Callable[[bool], Awaitable[Reply]]
    stop: Callable[[], None]
    dispatcher: Dispatcher
    max_running: Callable[[], int]
    reload: Callable[[], Awaitable[Reply]]
    reopen_logs: Callable[[], Awaitable[Reply]]
    max_age_s: Callable[[], float | None]
    limits: Callable[[], dict[str, JsonValue]]
    connections: Callable[[int, int], Sequence[dict[str, JsonValue]]]
    count_connections: Callable[[], int]
