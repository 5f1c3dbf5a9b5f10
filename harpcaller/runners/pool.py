"""Connections that workers keep open: the idle ones wait here for the next call.

The pool owns them while they are idle, and beats the heart of those in use.
"""

from __future__ import annotations

from collections import deque
from typing import NoReturn

import attrs
import trio

from harpcaller.hosts.registry import Host
from harpcaller.runners.connection import Connection
from protocol.harp import HEARTBEAT_S

MAX_IDLE_S = 60
MAX_IDLE_PER_HOST = 64
MAX_IDLE = 256
_TICK_S = 1


@attrs.frozen
class _Idle:
    connection: Connection
    since: float


class Pool:
    """Keeps idle connections by host: name, address and credentials together."""

    def __init__(
        self,
        *,
        max_idle_s: float = MAX_IDLE_S,
        max_idle_per_host: int = MAX_IDLE_PER_HOST,
        max_idle: int = MAX_IDLE,
    ) -> None:
        self._max_idle_s = max_idle_s
        self._max_idle_per_host = max_idle_per_host
        self._max_idle = max_idle
        self._idle: dict[Host, deque[_Idle]] = {}
        self._in_use: dict[Connection, None] = {}  # in order
        self.idle_count = 0

    def take(self, host: Host) -> Connection | None:
        """Return the idle connection used last, if one is fit for a request."""
        waiting = self._idle.get(host)
        while waiting:
            connection = self._remove_last(host, waiting)
            if connection.is_quiet():
                return connection
            connection.close()
        return None

    def put(self, host: Host, connection: Connection) -> None:
        """Keep a connection for the next call, or close it where there are enough."""
        waiting = self._idle.setdefault(host, deque())
        if len(waiting) >= self._max_idle_per_host or self.idle_count >= self._max_idle:
            connection.close()
            return
        waiting.append(_Idle(connection, trio.current_time()))
        self.idle_count += 1

    def use(self, connection: Connection) -> None:
        """Beat the heart of a connection from its request on, until it is `left`."""
        self._in_use[connection] = None

    def leave(self, connection: Connection) -> None:
        """Let a connection be."""
        self._in_use.pop(connection, None)

    async def run(self) -> NoReturn:
        """Send heartbeats, and close what was idle for too long; until cancelled."""
        try:
            while True:
                await trio.sleep(_TICK_S)
                self._close_idle(trio.current_time() - self._max_idle_s)
                await self._beat(trio.current_time() - HEARTBEAT_S)
        finally:
            self.close()

    def close(self) -> None:
        """Close all that is idle."""
        self._close_idle(trio.current_time() + 1)

    async def _beat(self, before: float) -> None:
        for connection in [one for one in self._in_use if one.sent_at <= before]:
            if connection in self._in_use:  # nobody left it while others beat
                await connection.beat()

    def _close_idle(self, before: float) -> None:
        for host, waiting in list(self._idle.items()):
            while waiting and waiting[0].since <= before:
                waiting.popleft().connection.close()
                self.idle_count -= 1
            if not waiting:
                del self._idle[host]

    def _remove_last(self, host: Host, waiting: deque[_Idle]) -> Connection:
        connection = waiting.pop().connection
        self.idle_count -= 1
        if not waiting:
            del self._idle[host]
        return connection
