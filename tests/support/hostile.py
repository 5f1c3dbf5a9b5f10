"""Calls that mean harm: the source of procedures and of a program.

Each of them is bounded in itself, so that a machine outlives it even where the worker
does not hold it. As with `self_seen`, the text has no word in braces.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BOUND_S = 60
MAX_FORKS = 300
MAX_FDS = 2000
MAX_BYTES = 2**31
BURN_S = 1
CHUNK = "x" * 65536
CHUNKS = 2**14  # a gigabyte
_PIDFD_GETFD = 438  # pidfd_getfd(2)
_PTRACE_ATTACH = 16


def fork_bomb() -> str:
    """Fork, and have each child do so, beyond the first refusal; raise that."""
    ours, began_at = os.getpid(), time.monotonic()
    reading, writing = os.pipe()  # a byte for each fork that is left
    os.set_blocking(reading, False)
    os.write(writing, b"." * MAX_FORKS)
    refusal: OSError | None = None
    while time.monotonic() < began_at + BOUND_S and _take(reading):
        try:
            os.fork()
        except OSError as error:
            os.write(writing, b".")
            refusal = error
        if refusal and os.getpid() == ours and time.monotonic() > began_at + BURN_S:
            raise refusal
    if os.getpid() != ours:
        os._exit(0)
    return "no limit"


def fd_bomb() -> int:
    """Open as much as may be; raise what says that no more may be."""
    return len([os.open("/dev/null", os.O_RDONLY) for _ in range(MAX_FDS)])


def memory_bomb() -> int:
    """Take as much memory as may be; raise what says that no more may be."""
    size = 2**24
    return len([b"x" * size for _ in range(MAX_BYTES // size)])


def flood() -> Iterator[str]:
    """Say a gigabyte."""
    for _ in range(CHUNKS):
        yield CHUNK


def endless_line() -> None:
    """Say a gigabyte without a line end."""
    for _ in range(CHUNKS):
        os.write(1 if __name__ == "__main__" else 3, CHUNK.encode())


def setsid_daemon() -> str:
    """Leave a process in a session of its own."""
    _leave(_linger)
    return "left"


def double_fork() -> str:
    """Leave a process without a parent that holds nothing and hears no SIGTERM."""
    _leave(_fork_again)
    os.wait()
    return "left"


def stays_above_daemons() -> None:
    """Do both, and stay."""
    setsid_daemon()
    double_fork()
    _linger()


def ignores_sigterm() -> None:
    """Stay, whatever may be ignored."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number < signal.SIGRTMIN:
            signal.signal(number, signal.SIG_IGN)
    _linger()


def sleeps() -> None:
    """Stay."""
    _linger()


def writes_elsewhere() -> str:
    """Return a file that could be written, or raise the last refusal."""
    refusal = PermissionError("nothing was tried")
    for path in os.environ["VICTIMS"].split(":"):
        try:
            os.open(path, os.O_WRONLY | os.O_CREAT)
        except PermissionError as error:
            refusal = error
        else:
            return path
    raise refusal


def reads_others() -> str:
    """Return what is readable of the processes above, or raise the last refusal."""
    refusal = PermissionError("nothing was tried")
    for pid in _ancestors(3):
        for attempt in (_list_fds, _open_memory, _read_environment, _take_fd, _trace):
            try:
                attempt(pid)
            except PermissionError as error:
                refusal = error
            else:
                return attempt.__name__ + " of " + str(pid)
    raise refusal


def runs_setuid() -> str:
    """Return the user that a setuid program of root finds itself to be."""
    words = [os.environ["SETUID_ID"], "-u"]
    return subprocess.check_output(words, text=True).strip()


def stops_its_supervisor() -> None:
    """Stop who would end us."""
    os.kill(os.getppid(), signal.SIGSTOP)
    _linger()


def orphans_a_daemon() -> None:
    """Leave a process, stop who would adopt and end it, kill who would before."""
    double_fork()
    _kill_who_watches()


def orphans_a_holder() -> None:
    """Do the same with a process that holds the way to the dispatcher open."""
    setsid_daemon()
    _kill_who_watches()


def _kill_who_watches() -> None:
    supervisor, parent = _ancestors(2)
    os.kill(parent, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    _linger()


def _take(reading: int) -> bool:
    try:
        os.read(reading, 1)
    except BlockingIOError:
        return False
    return True


def _linger() -> None:
    time.sleep(BOUND_S)
    os._exit(0)


def _fork_again() -> None:
    _leave(_ignore_and_linger)
    os._exit(0)


def _ignore_and_linger() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.closerange(0, 1000)
    _linger()


def _leave(what: Callable[[], None]) -> None:
    """Return when another process is in a session of its own, to do `what`."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(writing)
        os.close(reading)
        what()
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)


def _ancestors(count: int) -> list[int]:
    pids = [os.getpid()]
    for _ in range(count):
        stat = Path("/proc", str(pids[-1]), "stat").read_text()
        pids.append(int(stat.rpartition(")")[2].split()[1]))
    return pids[1:]


def _list_fds(pid: int) -> None:
    next(Path("/proc", str(pid), "fd").iterdir())


def _open_memory(pid: int) -> None:
    Path("/proc", str(pid), "mem").open("rb").close()


def _read_environment(pid: int) -> None:
    Path("/proc", str(pid), "environ").read_bytes()


def _take_fd(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_PIDFD_GETFD, os.pidfd_open(pid), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")


def _trace(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_ATTACH, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


if __name__ == "__main__":
    said = globals()[sys.argv[1]]()
    for value in said if inspect.isgenerator(said) else [said]:
        sys.stdout.write(json.dumps(value) + "\n")
