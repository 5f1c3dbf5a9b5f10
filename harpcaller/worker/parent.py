"""The warm parent: has the procedures loaded, and forks supervisors of calls.

It is a program of its own (`python -m harpcaller.worker.parent SOCKET FILE GRACE
BYTES`), started by harpd: single-threaded and small, so that forking is safe and
cheap. For each message on SOCKET, which brings the control socket of a supervisor,
it forks one. It ends when SOCKET is closed.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from harpcaller.worker import linux
from harpcaller.worker.procedures import Procedure, load
from harpcaller.worker.supervisor import Bounds, supervise

READY = b"ready"


class WarmParent:
    """Forks supervisors and reaps them; owns the set of those alive."""

    def __init__(
        self, asked: socket.socket, procedures: Mapping[str, Procedure], bounds: Bounds
    ) -> None:
        self._asked = asked
        self._procedures = procedures
        self._bounds = bounds
        self._supervisors: set[int] = set()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)

    def serve(self) -> None:
        """Fork for each message until harpd closes the socket or dies."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        poller = select.poll()
        poller.register(self._asked, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._asked.fileno() in ready and not self._fork_one():
                return

    def _fork_one(self) -> bool:
        message, fds, _, _ = socket.recv_fds(self._asked, 16, 1)
        if not message:
            return False
        [control_fd] = fds
        pid = os.fork()
        if pid == 0:
            self._be_supervisor(control_fd)
        self._supervisors.add(pid)
        os.close(control_fd)
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
            control = socket.socket(fileno=control_fd)
            supervise(self._procedures, control, self._bounds)
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
                linux.signal_descendants(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Load the procedures, say so, and serve."""
    fd, path, grace_s, max_line_bytes = sys.argv[1:]
    asked = socket.socket(fileno=int(fd))
    os.dup2(2, 1)  # what procedures print must not look like an answer to anybody
    linux.adopt_orphans()
    try:
        procedures = load(Path(path))
    except Exception as error:  # any code is in that file
        asked.send(f"{type(error).__name__}: {error}"[:1000].encode(errors="replace"))
        raise SystemExit(1) from error
    bounds = Bounds(term_grace_s=float(grace_s), max_line_bytes=int(max_line_bytes))
    asked.send(READY)
    gc.collect()
    gc.freeze()  # pages that the collector does not touch stay shared
    gc.disable()
    WarmParent(asked, procedures, bounds).serve()


if __name__ == "__main__":
    main()
