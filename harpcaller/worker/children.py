"""Calls as processes, seen from harpd: the warm parent, supervisors, and children."""

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
from harpcaller.worker.supervisor import NOTHING, Bounds
from protocol.harp import HarpCall
from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import encode

log = structlog.get_logger()

_LOAD_S = 30  # how long a procedures file may take to load
_END_S = 15  # what a supervisor may need beyond the grace of its call
_MAX_IDLE = 16  # supervisors kept for the next call: one fork less each
_CHUNK_BYTES = 1 << 16


@attrs.define
class Child:
    """One call that runs: its lines, and the supervisor above it."""

    _control: trio.SocketStream
    _lines: trio.lowlevel.FdStream
    is_over: bool = False
    """Nothing of the call is left, and the supervisor is as new."""

    async def receive_some(self) -> bytes:
        """Return what the procedure's process wrote next; b"" when it is over."""
        return bytes(await self._lines.receive_some(_CHUNK_BYTES))

    async def receive_ending(self) -> bytes:
        """Wait until nothing is left; return the line the dispatcher is to hear.

        It is empty if the process said its own, or if its supervisor died.
        """
        ending = b""
        with suppress(trio.BrokenResourceError):
            while data := await self._control.receive_some(_CHUNK_BYTES):
                ending += data
                if ending.endswith(b"\n"):
                    self.is_over = True
                    return b"" if ending == NOTHING else ending
        return b""

    async def cancel(self, within_s: float) -> None:
        """End the call; return when nothing of it is left."""
        with trio.move_on_after(within_s) as scope:
            with suppress(trio.BrokenResourceError):
                await self._control.send_eof()
                while await self._control.receive_some(_CHUNK_BYTES):
                    pass
        if scope.cancelled_caught:
            log.error("call.stuck", waited_s=within_s)


class Children:
    """Starts calls; owns the warm parent and the supervisors between two calls."""

    def __init__(self, procedures: Path, bounds: Bounds) -> None:
        self._procedures = procedures
        self._bounds = bounds
        self._starting = trio.Lock()
        self._asking: trio.socket.SocketType | None = None
        self._process: trio.Process | None = None
        self._idle: list[trio.SocketStream] = []

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
        """Run `call` in a child of its own; its block leaves nothing of it behind.

        Raises:
            Refused: `procedure_loading_error`.
        """
        reading, writing = os.pipe()
        async with trio.lowlevel.FdStream(reading) as lines:
            try:
                control = await self._ask(call, writing)
            finally:
                os.close(writing)
            child = Child(control, lines)
            try:
                yield child
            finally:
                with trio.CancelScope(shield=True):  # bounded by `cancel`
                    await lines.aclose()
                    await self._leave(child, control)

    async def close(self) -> None:
        """End supervisors and warm parent. The calls should have ended before."""
        for control in self._idle:
            await trio.aclose_forcefully(control)
        self._forget()
        if self._process is not None:
            await self._process.wait()

    async def _ask(self, call: HarpCall, wire_fd: int) -> trio.SocketStream:
        """Have a supervisor run `call`; return its control socket."""
        request = encode(call.procedure) + b"\n" + call.arguments + b"\n"
        while True:
            is_fresh = not self._idle
            control = await self._fork() if is_fresh else self._idle.pop()
            try:
                sent = await control.socket.sendmsg([request], _rights(wire_fd))
                await control.send_all(request[sent:])
            except (OSError, trio.BrokenResourceError):
                await trio.aclose_forcefully(control)
                if is_fresh:
                    raise Refused(_LOADING, "the worker cannot start calls") from None
            except BaseException:
                await trio.aclose_forcefully(control)
                raise
            else:
                return control

    async def _leave(self, child: Child, control: trio.SocketStream) -> None:
        if child.is_over and len(self._idle) < _MAX_IDLE:
            self._idle.append(control)
            return
        if not child.is_over:
            await child.cancel(self._bounds.term_grace_s + _END_S)
        await trio.aclose_forcefully(control)

    async def _fork(self) -> trio.SocketStream:
        """Return the control socket of a fresh supervisor."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                await self._hand_over(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        return trio.SocketStream(trio.socket.from_stdlib_socket(ours))

    async def _hand_over(self, fd: int) -> None:
        """Give `fd` to the warm parent, to a fresh one if it died."""
        await self.warm_up()
        try:
            await self._send(fd)
        except OSError:
            log.warning("parent.died")
            self._forget()
            await self.warm_up()
            await self._send(fd)

    async def _send(self, fd: int) -> None:
        if self._asking is None:
            raise BrokenPipeError
        await self._asking.sendmsg([b"fork"], _rights(fd))

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
            raise Refused(_LOADING, reason)
        self._asking = asking

    def _forget(self) -> None:
        """Let go of the warm parent; it ends when its socket is closed."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None


_LOADING = Refusal.PROCEDURE_LOADING_ERROR


def _rights(fd: int) -> list[tuple[int, int, array.array[int]]]:
    """Return what hands `fd` over: unix(7), SCM_RIGHTS."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
