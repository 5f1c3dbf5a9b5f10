"""What carries a claimed call out: the one interface that every runner implements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import attrs
import trio

from harpcaller.store import Claim
from protocol.jsontext import JsonText
from protocol.outcome import Outcome

__all__ = ["Emit", "Progress", "Runner"]

Emit: TypeAlias = Callable[[Sequence[JsonText]], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Progress:
    """What a runner tells its caller while a call is under way.

    `emit` takes the packets of one read; awaiting it may block, which is how a full
    store slows a worker down. `kept` returns once all of them are durable, and raises
    WireError where they never will be. `connected` is called once, when the worker may
    be sent the request (TLS handshake included). `heard` is called after each sign of
    the call itself (acknowledgement, packets, end), never for a heartbeat: it moves
    the limit of silence.

    `cancel_asked` is for journalled jobs, those that resume after a restart: their
    runner ends them when it is set, and sees to their limits. All other runners are
    cancelled.
    """

    emit: Emit
    kept: Callable[[], Awaitable[None]]
    connected: Callable[[], None]
    heard: Callable[[], None]
    cancel_asked: trio.Event


class Runner(Protocol):
    """Carries out calls of one kind of host."""

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Run the call; return how it ended, whatever the other side did.

        Limits and cancellation are the caller's scopes: when cancelled, the runner
        closes its connection, which tells the worker. It raises for our bugs only.
        """
