"""The processes of one isolation profile, seen from harpd: parent and supervisors."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
import trio

from harpcaller.worker import linux
from harpcaller.worker.control import Supervisor
from harpcaller.worker.death import TimedOut
from harpcaller.worker.orders import (
    FAILED,
    MESSAGE_BYTES,
    MORE,
    READY,
    Orders,
    PythonFunction,
    read_catalogue,
    rights,
    write_orders,
)
from harpcaller.worker.orphans import Orphans
from harpcaller.worker.powers import our_powers
from harpcaller.worker.profile import (
    NoSuchUser,
    Profile,
    command,
    environment_of,
    interpreter_variables,
    missing_powers,
)
from indira.beside import beside
from protocol.harp_worker import Refusal, Refused

log = structlog.get_logger()

_LOAD_S = 30  # how long a procedures file may take to load
_FORK_S = 5  # a parent that takes longer was stopped by a call of its user
_END_S = 1  # what a supervisor may need beyond the grace; then we kill its tree
_CLOSE_S = 5
_MAX_IDLE = 16  # supervisors kept for the next call: one fork less each
_STRAYS_GAP_S = 0.01
_LOADING = Refusal.PROCEDURE_LOADING_ERROR


class Family:
    """Starts calls of one profile; owns its warm parent and the idle supervisors."""

    def __init__(
        self, profile: Profile, orders: Orders, source: bytes, orphans: Orphans
    ) -> None:
        self._profile = profile
        self._orders = orders
        self._source = source
        self._orphans = orphans
        self._lock = trio.Lock()
        self._asking: trio.socket.SocketType | None = None
        self._process: trio.Process | None = None
        self._idle: list[Supervisor] = []
        self._is_closed = False

    @property
    def patience_s(self) -> float:
        """How long a supervisor may take to end its call; then it was stopped."""
        return self._orders.term_grace_s + self._orders.farewell_s + _END_S

    async def load(self) -> list[PythonFunction]:
        """Start the warm parent; return what Python procedures it has.

        Raises:
            Refused: `procedure_loading_error`, with what the file raised.
        """
        async with self._lock:
            return await self._start()

    @asynccontextmanager
    async def run(
        self, request: bytes, fds: Sequence[int], limit_s: float | None
    ) -> AsyncIterator[Supervisor]:
        """Have a supervisor carry out `request`; the block leaves nothing of it.

        It knows its limit from there. A call can stop the process above it, though,
        and then we end it, a little later.

        Raises:
            Refused: `procedure_loading_error`.
        """
        supervisor = await self._ask(request, fds)
        try:
            async with beside() as nursery:
                if limit_s is not None:
                    nursery.start_soon(self._end_late, supervisor, limit_s)
                yield supervisor
        finally:
            with trio.CancelScope(shield=True):  # bounded by `end`
                await self._leave(supervisor)

    async def close(self) -> None:
        """End the warm parent; what is left of its calls after a while is killed."""
        self._is_closed = True
        for supervisor in self._idle:
            await trio.aclose_forcefully(supervisor.stream)
        self._idle.clear()
        self._forget()
        if self._process is not None:
            with trio.move_on_after(_CLOSE_S):
                await self._process.wait()
                return
            await trio.to_thread.run_sync(linux.kill_tree, self._process.pid)
            await self._process.wait()

    async def _ask(self, request: bytes, fds: Sequence[int]) -> Supervisor:
        while True:
            is_fresh = not self._idle
            supervisor = await self._fork() if is_fresh else self._idle.pop()
            stream = supervisor.stream
            supervisor.is_over = False
            try:
                sent = await stream.socket.sendmsg([request], rights([*fds]))
                await stream.send_all(request[sent:])
            except (OSError, trio.BrokenResourceError):
                await trio.aclose_forcefully(stream)
                if is_fresh:
                    raise Refused(_LOADING, "the worker cannot start calls") from None
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
            else:
                return supervisor

    async def _leave(self, supervisor: Supervisor) -> None:
        has_room = len(self._idle) < _MAX_IDLE and not self._is_closed
        if supervisor.is_over and has_room:
            self._idle.append(supervisor)
            return
        if not supervisor.is_over:
            await supervisor.end(self.patience_s)
            await self._end_strays(supervisor.parent_pid)
        await trio.aclose_forcefully(supervisor.stream)

    async def _end_late(self, supervisor: Supervisor, limit_s: float) -> None:
        await trio.sleep(limit_s + self.patience_s)
        if supervisor.is_over:
            return
        log.warning("supervisor.killed", limit_s=limit_s)
        supervisor.killed_as = TimedOut(limit_s)
        await supervisor.kill()
        await self._end_strays(supervisor.parent_pid)

    async def _end_strays(self, parent_pid: int) -> None:
        """Return when the parent has none of a call that lost its supervisor.

        It ends them itself, but a call can stop it, too.
        """
        with trio.move_on_after(_END_S):
            while linux.has_strays(parent_pid):  # noqa: ASYNC110 (no event tells)
                await trio.sleep(_STRAYS_GAP_S)
            return
        log.warning("parent.killed", reason="it did not end what a call left")
        await self._orphans.end(parent_pid)

    async def _fork(self) -> Supervisor:
        """Return a fresh supervisor, of a fresh warm parent if the last one died.

        Raises:
            Refused: `procedure_loading_error`.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                async with self._lock:
                    pid, parent = await self._fork_once(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        return Supervisor(pid, parent, stream)

    async def _fork_once(self, fd: int) -> tuple[int, int]:
        for _ in range(2):
            if self._asking is None:
                await self._start()
            pid = await self._try_fork(fd)
            if pid and self._process is not None:
                return pid, self._process.pid
            if pid == 0:
                break
            self._forget()
        raise Refused(_LOADING, "the worker can make no more processes")

    async def _try_fork(self, fd: int) -> int | None:
        """Return the pid of a new supervisor, 0 if none can be made, None if dead."""
        assert self._asking is not None  # noqa: S101 (by the caller)
        assert self._process is not None  # noqa: S101 (by the caller)
        # Shielded: an answer that nobody reads would be taken for the next one's.
        with trio.move_on_after(_FORK_S, shield=True), suppress(OSError):
            await self._asking.sendmsg([b"fork"], rights([fd]))
            said = await self._asking.recv(MESSAGE_BYTES)
            return int(said) if said else None
        log.warning("parent.killed", reason="it did not fork")
        with suppress(ProcessLookupError):
            self._process.kill()
        return None

    async def _start(self) -> list[PythonFunction]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asking = trio.socket.from_stdlib_socket(ours)
        try:
            with theirs:
                self._process = await self._open_parent(theirs)
            source = os.memfd_create("procedures")
            with os.fdopen(source, "wb+") as file:
                file.write(self._source)
                file.seek(0)
                await asking.sendmsg([write_orders(self._orders)], rights([source]))
            functions = await self._receive_catalogue(asking)
        except OSError as error:
            asking.close()
            message = f"its warm parent did not start ({error}); our log says why"
            raise Refused(_LOADING, message) from None
        except BaseException:
            asking.close()
            raise
        self._asking = asking
        return functions

    async def _open_parent(self, theirs: socket.socket) -> trio.Process:
        words = [sys.executable, "-P", "-m", "harpcaller.worker.parent"]
        powers = our_powers()
        try:
            chain = command(self._profile, [*words, str(theirs.fileno())], powers)
            missing = next(missing_powers(self._profile, powers), None)
        except NoSuchUser as error:
            raise Refused(_LOADING, str(error)) from None
        if missing is not None:
            raise Refused(_LOADING, missing)
        environment = dict(self._orders.environment)
        return await self._orphans.start(
            chain,
            env=environment | interpreter_variables(os.environ),
            pass_fds=[theirs.fileno()],
            cwd="/",
        )

    async def _receive_catalogue(
        self, asking: trio.socket.SocketType
    ) -> list[PythonFunction]:
        text = b""
        with trio.move_on_after(_LOAD_S):
            while (said := await asking.recv(MESSAGE_BYTES)).startswith(MORE):
                text += said[1:]
            if said.startswith(READY):
                return read_catalogue(text + said[1:])
            if said.startswith(FAILED):
                raise Refused(_LOADING, said[1:].decode(errors="replace"))
            raise Refused(_LOADING, "the warm parent ended; its words are in our log")
        if self._process is not None:
            self._process.kill()
        raise Refused(_LOADING, f"not loaded within {_LOAD_S} s")

    def _forget(self) -> None:
        """Let go of the warm parent; it ends when its socket is closed."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None


def orders_for(
    profile: Profile,
    path: str | None,
    ours: Mapping[str, str],
    *,
    term_grace_s: float,
    max_line_bytes: int,
) -> Orders:
    """Return the orders of the warm parent of `profile`.

    `term_grace_s` is that of profiles without one of their own.

    Raises:
        Refused: `procedure_loading_error`, a user is unknown.
    """
    try:
        environment = environment_of(profile, ours)
    except NoSuchUser as error:
        raise Refused(_LOADING, str(error)) from None
    grace_s = profile.term_grace_s
    return Orders(
        path=path,
        term_grace_s=term_grace_s if grace_s is None else grace_s,
        farewell_s=profile.farewell_s,
        max_line_bytes=max_line_bytes,
        environment=tuple(environment.items()),
        confines=profile.confines,
    )
