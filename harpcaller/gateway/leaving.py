"""Work for a client, as long as the client is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio
from starlette.types import Receive

from protocol.errors import WireError

Work: TypeAlias = Callable[[], Awaitable[None]]


async def while_here(receive: Receive, work: Work, beside: Work | None = None) -> None:
    """Do `work`, and break it off if the client leaves; `beside` goes on as long.

    Raises:
        WireError: `work` did.
    """
    complaint: WireError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, receive, nursery.cancel_scope)
        if beside is not None:
            nursery.start_soon(beside)
        try:
            await work()
        except WireError as error:
            complaint = error
        nursery.cancel_scope.cancel()
    if complaint is not None:
        raise complaint


async def _watch(receive: Receive, work: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    work.cancel()
