"""The control socket of a supervisor, seen from harpd."""

from __future__ import annotations

from contextlib import suppress

import attrs
import structlog
import trio

from harpcaller.worker import death, linux
from harpcaller.worker.death import Death, Started, TimedOut

log = structlog.get_logger()

_CHUNK_BYTES = 1 << 16


@attrs.define(eq=False)
class Supervisor:
    """The process above one call: what it tells of it, and how to end it."""

    pid: int
    parent_pid: int
    stream: trio.SocketStream
    is_over: bool = False
    """Nothing of the call is left, and the supervisor is as new."""
    killed_as: TimedOut | None = None
    """How the call ended if we had to kill the supervisor, which says nothing then."""
    _said: bytes = b""

    async def receive_started(self) -> Death | None:
        """Return None when the program of an executable runs; else why it does not."""
        news = await self._receive()
        return None if isinstance(news, Started) else news

    async def receive_death(self) -> Death | None:
        """Wait until nothing is left; return how it ended, None if nobody knows.

        It may be cancelled and called again.
        """
        news = await self._receive()
        return None if isinstance(news, Started) else news

    async def end(self, within_s: float) -> None:
        """End the call; return when nothing of it is left."""
        with trio.move_on_after(within_s), suppress(trio.BrokenResourceError):
            await self.stream.send_eof()
            while await self.stream.receive_some(_CHUNK_BYTES):
                pass
            return
        # It was stopped, or has too much to do.
        log.warning("supervisor.killed", waited_s=within_s)
        await self.kill()

    async def kill(self) -> None:
        """Kill the call and the supervisor, whose pid is its own while it lives."""
        if self.pid in linux.children_of(self.parent_pid):
            await trio.to_thread.run_sync(linux.kill_tree, self.pid)

    async def _receive(self) -> Started | Death | None:
        with suppress(trio.BrokenResourceError):
            while b"\n" not in self._said:
                data = bytes(await self.stream.receive_some(_CHUNK_BYTES))
                if not data:
                    break
                self._said += data
        line, line_end, self._said = self._said.partition(b"\n")
        if not line_end:
            return self.killed_as
        news = death.read(line)
        self.is_over = not isinstance(news, Started)
        return news
