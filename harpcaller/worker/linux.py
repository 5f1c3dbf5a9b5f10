"""What Linux offers to end a whole tree of processes."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_NAP_S = 0.02
_KILL_PATIENCE_S = 10  # a killed process may hang in the kernel, e.g. on NFS

_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """Have this process killed when its `parent` dies; exit if it is dead already.

    The kernel forgets this when the user changes: call it after that.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory(*, hidden: bool) -> None:
    """Keep other processes of our user from tracing us and from opening our files."""
    _prctl(_PR_SET_DUMPABLE, 0 if hidden else 1)


def children_of(pid: int) -> list[int]:
    """Return the children of `pid` now; none if it is gone."""
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:
        pass  # it went while we looked
    return found


def has_strays(leader: int) -> bool:
    """Tell whether a child of this session leader is in a session of its own."""
    for pid in children_of(leader):
        with suppress(ProcessLookupError):
            if os.getsid(pid) != leader:
                return True
    return False


def descendants_of(pid: int) -> list[int]:
    """Return all below `pid` now, parents before their children."""
    found = children_of(pid)
    for child in found:  # it grows while we walk
        found += children_of(child)
    return found


def signal_descendants(pid: int, number: int) -> None:
    """Send a signal to all below `pid`."""
    for descendant in descendants_of(pid):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(descendant, number)  # or it is gone, or another user's


def kill_descendants(pid: int) -> None:
    """Kill all below `pid`, also those that are forked meanwhile.

    Who was sent SIGKILL forks no more, and nobody is reaped here: under a limit of
    processes even a fork bomb ends, since its dead still count.
    """
    killed: set[int] = set()
    while fresh := [found for found in descendants_of(pid) if found not in killed]:
        for descendant in fresh:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(descendant, signal.SIGKILL)
        killed.update(fresh)


def kill_tree(pid: int) -> None:
    """Kill `pid` and all below it."""
    kill_descendants(pid)  # first: without it they would be somebody else's
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def end_descendants(grace_s: float) -> None:
    """End all below this process and reap them: TERM, and KILL after `grace_s`.

    This process must have adopted orphans, else some may be out of reach.
    """
    if not _reap():
        return
    signal_descendants(os.getpid(), signal.SIGTERM)
    if _reaped_within(grace_s):
        return
    patience = time.monotonic() + _KILL_PATIENCE_S
    while _reap() and time.monotonic() < patience:
        kill_descendants(os.getpid())
        time.sleep(0.001)


def _reaped_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    nap_s = 0.0005
    while _reap():
        if time.monotonic() > deadline:
            return False
        time.sleep(nap_s)
        nap_s = min(2 * nap_s, _LONGEST_NAP_S)
    return True


def _reap() -> bool:
    """Reap what has ended; tell whether a child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
