"""Calls as processes, seen from harpd: the warm parent, and a child for each call."""

from __future__ import annotations

import array
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL

import attrs
import structlog
import trio

from harpcaller.worker.parent import READY
from harpcaller.worker.supervisor import Bounds
from protocol.harp import HarpCall
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import encode

log = structlog.get_logger()

_LOAD_S = 30  # how long a procedures file may take to load
_END_S = 15  # what a supervisor may need beyond the grace of its call
_CHUNK_BYTES = 1 << 16


@attrs.define
class Child:
    """One call that runs; its block leaves nothing of it behind."""

    _control: trio.SocketStream
    _lines: trio.lowlevel.FdStream

    async def receive_some(self) -> bytes:
        """Return what the procedure's process wrote next; b"" when it is over."""
        return bytes(await self._lines.receive_some(_CHUNK_BYTES))

    async def receive_ending(self) -> bytes:
        """Return the line its supervisor has for the dispatcher, when all is gone."""
        ending = b""
        with suppress(trio.BrokenResourceError):
            while data := await self._control.receive_some(_CHUNK_BYTES):
                ending += data
        return ending

    async def ask(self, call: HarpCall) -> None:
        """Send what is to be run."""
        with suppress(trio.BrokenResourceError):  # the reader will see that it ended
            await self._control.send_all(
                encode(call.procedure) + b"\n" + call.arguments + b"\n"
            )

    async def end(self, within_s: float) -> None:
        """End the call, if it has not ended; return when nothing of it is left."""
        await self._lines.aclose()
        with trio.move_on_after(within_s) as scope:
            with suppress(trio.BrokenResourceError):
                await self._control.send_eof()
            await self.receive_ending()
        if scope.cancelled_caught:
            log.error("call.stuck", waited_s=within_s)
        await self._control.aclose()


class Children:
    """Starts calls; owns the warm parent and starts it again if it died."""

    def __init__(self, procedures: Path, bounds: Bounds) -> None:
        self._procedures = procedures
        self._bounds = bounds
        self._starting = trio.Lock()
        self._asking: trio.socket.SocketType | None = None
        self._process: trio.Process | None = None

    async def warm_up(self) -> None:
        """Start the warm parent, unless there is one.

        Raises:
            Refused: `procedure_loading_error`, with what the file raised.
        """
        async with self._starting:
            if self._asking is None:
                await self._start()

    @asynccontextmanager
    async def run(self, call: HarpCall) -> AsyncIterator[Child]:
        """Run `call` in a child of its own until the block ends.

        Raises:
            Refused: `procedure_loading_error`.
        """
        child = await self._fork()
        try:
            await child.ask(call)
            yield child
        finally:
            with trio.CancelScope(shield=True):  # bounded by `end`
                await child.end(self._bounds.term_grace_s + _END_S)

    async def close(self) -> None:
        """End the warm parent. The calls should have ended before."""
        self._forget()
        if self._process is not None:
            await self._process.wait()

    async def _fork(self) -> Child:
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        child = Child(
            trio.SocketStream(trio.socket.from_stdlib_socket(ours)),
            trio.lowlevel.FdStream(reading),
        )
        try:
            await self._hand_over([theirs.fileno(), writing])
        except BaseException:
            await trio.aclose_forcefully(child._lines)
            raise
        finally:
            theirs.close()
            os.close(writing)
        return child

    async def _hand_over(self, fds: list[int]) -> None:
        """Give the warm parent the ends of one call; a fresh one if it died."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        await self.warm_up()
        try:
            await self._send(rights)
        except OSError:
            log.warning("parent.died")
            self._forget()
            await self.warm_up()
            await self._send(rights)

    async def _send(self, rights: list[tuple[int, int, array.array[int]]]) -> None:
        if self._asking is None:
            raise BrokenPipeError
        await self._asking.sendmsg([b"call"], rights)

    async def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fd = str(theirs.fileno())
            bounds = (str(self._bounds.term_grace_s), str(self._bounds.max_line_bytes))
            self._process = await trio.lowlevel.open_process(
                [
                    sys.executable,
                    *("-P", "-m", "harpcaller.worker.parent"),
                    *(fd, str(self._procedures), *bounds),
                ],
                stdin=DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for harpd alone
            )
        asking = trio.socket.from_stdlib_socket(ours)
        said = b""
        with trio.move_on_after(_LOAD_S):
            said = await asking.recv(4096)
        if said != READY:
            asking.close()
            self._process.kill()
            reason = said.decode(errors="replace") or f"not loaded within {_LOAD_S} s"
            raise Refused(Refusal.PROCEDURE_LOADING_ERROR, reason)
        self._asking = asking

    def _forget(self) -> None:
        """Let go of the warm parent; it ends when its socket is closed."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None
