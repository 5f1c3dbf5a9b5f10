"""The warm parent: has the procedures loaded, and forks supervisors of calls.

It is a program of its own (`python -m harpcaller.worker.parent SOCKET`), started by
harpd as the user of its profile: single-threaded and small, so that forking is safe
and cheap. The first message on SOCKET brings its orders; each other one brings the
control socket of a supervisor, which it forks. When SOCKET is closed it waits for the
supervisors that it has, and ends.
"""

from __future__ import annotations

import gc
import inspect
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from harpcaller.worker import linux
from harpcaller.worker.orders import (
    FAILED,
    MESSAGE_BYTES,
    Orders,
    PythonFunction,
    read_orders,
    write_catalogue,
)
from harpcaller.worker.procedures import Procedure, load_source
from harpcaller.worker.supervisor import supervise

_MAX_DOC_CHARACTERS = 4000
_END_S = 2  # what a supervisor may need beyond the grace when harpd is gone


class WarmParent:
    """Forks supervisors and reaps them; owns the set of those alive."""

    def __init__(
        self, asked: socket.socket, procedures: Mapping[str, Procedure], orders: Orders
    ) -> None:
        self._asked = asked
        self._procedures = procedures
        self._orders = orders
        self._supervisors: set[int] = set()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)

    def serve(self) -> None:
        """Fork for each message until harpd closes the socket and no call is left.

        Then no supervisor has a call to wait for: who stays was stopped by its own,
        and is killed with it.
        """
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        poller = select.poll()
        poller.register(self._asked, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        orders = self._orders
        patience_ms = 1000 * (orders.term_grace_s + orders.farewell_s + _END_S)
        is_asked = True
        while is_asked or self._supervisors:
            ready = dict(poller.poll(None if is_asked else patience_ms))
            if not ready:
                linux.kill_descendants(os.getpid())
                return
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if is_asked and self._asked.fileno() in ready:
                is_asked = self._fork_one()
                if not is_asked:
                    poller.unregister(self._asked)

    def _fork_one(self) -> bool:
        """Fork and tell the pid, 0 if it failed; False if harpd wants no more."""
        message, fds, _, _ = socket.recv_fds(self._asked, 16, 1)
        if not message:
            return False
        [control_fd] = fds
        try:
            pid = os.fork()
        except OSError:  # the machine, or the user, has too many processes
            pid = None
        if pid == 0:
            self._be_supervisor(control_fd)
        os.close(control_fd)
        if pid is not None:
            self._supervisors.add(pid)
        try:
            self._asked.send(b"%d" % (pid or 0))
        except OSError:
            return False  # harpd is dead
        return True

    def _be_supervisor(self, control_fd: int) -> None:
        """Become a supervisor; never return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.close(self._woken)
            os.close(self._waker)
            self._asked.close()
            supervise(self._procedures, socket.socket(fileno=control_fd), self._orders)
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        """Reap; a supervisor that was killed leaves us its tree, which we end."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                self._supervisors.discard(pid)
                if os.WIFSIGNALED(status):
                    self._kill_strays()
        except ChildProcessError:
            pass  # none is left

    def _kill_strays(self) -> None:
        for pid in linux.children_of(os.getpid()):
            if pid not in self._supervisors:
                linux.kill_tree(pid)


def main() -> None:
    """Load the procedures, tell which they are, and serve."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    os.dup2(2, 1)  # what procedures print must not look like an answer to anybody
    linux.adopt_orphans()
    linux.hide_memory(hidden=True)
    message, fds, _, _ = socket.recv_fds(asked, MESSAGE_BYTES, 1)
    if not message:
        return  # harpd changed its mind
    orders = read_orders(message)
    os.environ.clear()
    os.environ.update(orders.environment)
    try:
        procedures = _load(orders, fds)
    except BaseException as error:  # any code is in that file
        asked.send(FAILED + _complaint(error, orders.path).encode(errors="replace"))
        raise SystemExit(1) from error
    for piece in write_catalogue([_described(*one) for one in procedures.items()]):
        asked.send(piece)
    gc.collect()
    gc.freeze()  # pages that the collector does not touch stay shared
    gc.disable()
    WarmParent(asked, procedures, orders).serve()


def _load(orders: Orders, fds: list[int]) -> Mapping[str, Procedure]:
    """Load what harpd read: the file may be its own secret, or changed meanwhile."""
    if orders.path is None:
        return {}
    with os.fdopen(fds[0], "rb") as source:
        return load_source(source.read(), Path(orders.path))


def _complaint(error: BaseException, path: str | None) -> str:
    """Return what was wrong, and the last line of the file that led to it."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{path}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    said = f"{type(error).__name__}: {error}"[:1000]
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    return f"{path}, line {lines[-1]}: {said}" if lines else said


def _described(name: str, procedure: Procedure) -> PythonFunction:
    return PythonFunction(
        name=name,
        signature=str(procedure.signature),
        doc=(inspect.getdoc(procedure.function) or "")[:_MAX_DOC_CHARACTERS],
        streams=procedure.streams,
        timeout_s=procedure.timeout_s,
        uid=procedure.uid,
        gid=procedure.gid,
    )


if __name__ == "__main__":
    main()
