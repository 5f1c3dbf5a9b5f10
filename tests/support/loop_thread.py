"""A trio loop in a thread, for callers that cannot wait."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LoopThread:
    """Runs coroutine functions one after the other, until `stop`."""

    def __init__(self) -> None:
        tokens: SimpleQueue[trio.lowlevel.TrioToken] = SimpleQueue()
        self._stopped = trio.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._live, tokens))
        self._thread.start()
        self._token = tokens.get()

    def run(self, function: Callable[[*Ts], Awaitable[T]], *arguments: *Ts) -> T:
        """Return what `function` returns on the loop."""
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def stop(self) -> None:
        """End the loop."""
        self._token.run_sync_soon(self._stopped.set)
        self._thread.join()

    async def _live(self, tokens: SimpleQueue[trio.lowlevel.TrioToken]) -> None:
        tokens.put(trio.lowlevel.current_trio_token())
        await self._stopped.wait()
