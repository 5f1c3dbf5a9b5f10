"""The last adopter: what is left of a warm parent that died is harpd's to end."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from subprocess import DEVNULL
from typing import Any

import structlog
import trio

from harpcaller.worker import linux
from indira.beside import beside

log = structlog.get_logger()

_SWEEPS_GAP_S = 0.01
_PATIENCE_S = 10  # a killed process may hang in the kernel, e.g. on NFS


class Orphans:
    """Starts warm parents and buries them; owns which of our children they are.

    A living parent adopts the orphans of its own tree, so whoever becomes our child
    without being a parent was below one that died, and is killed. A process that harpd
    started for another purpose is known by its session, which is ours.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._parents: dict[int, trio.Event] = {}
        self._starting = trio.Lock()
        linux.adopt_orphans()

    async def start(self, command: Sequence[str], **options: Any) -> trio.Process:
        """Start a warm parent, which will be seen off when it ends.

        Raises:
            OSError: it could not be started.
        """
        async with self._starting:  # no sweep may meet it before we know its pid
            process = await trio.lowlevel.open_process(
                command,
                stdin=DEVNULL,
                start_new_session=True,  # Ctrl-C is for harpd alone
                **options,
            )
            self._parents[process.pid] = trio.Event()
        self._nursery.start_soon(self._see_off, process)
        return process

    async def end(self, parent_pid: int) -> None:
        """Kill a warm parent, if it lives; return when nothing of its tree is left."""
        is_buried = self._parents.get(parent_pid)
        if is_buried is None:
            return
        with suppress(ProcessLookupError):
            os.kill(parent_pid, signal.SIGKILL)  # its pid is its own: we reap it
        await is_buried.wait()

    async def _see_off(self, process: trio.Process) -> None:
        status = await process.wait()
        is_buried = self._parents.pop(process.pid)
        if status:
            log.warning("parent.died", status=status)
        await self._sweep()
        is_buried.set()

    async def _sweep(self) -> None:
        with trio.move_on_after(_PATIENCE_S) as scope:
            while True:
                async with self._starting:
                    strays = self._strays()
                    await trio.to_thread.run_sync(_kill, strays)
                if not strays:
                    return
                await trio.sleep(_SWEEPS_GAP_S)
        if scope.cancelled_caught:
            log.error("strays.stuck", waited_s=_PATIENCE_S)

    def _strays(self) -> list[int]:
        ours = os.getsid(0)
        strays: list[int] = []
        for pid in linux.children_of(os.getpid()):
            with suppress(ProcessLookupError):
                if pid not in self._parents and os.getsid(pid) != ours:
                    strays.append(pid)
        return strays


@asynccontextmanager
async def open_orphans() -> AsyncIterator[Orphans]:
    """Watch over warm parents while the block runs; they should have ended by then."""
    async with beside() as nursery:
        yield Orphans(nursery)


def _kill(strays: Sequence[int]) -> None:
    """Kill and reap; who could not be reaped yet is found again."""
    for pid in strays:
        linux.kill_tree(pid)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
