"""An executable takes the place of a call's process; what is open stays as ordered."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Sequence

from harpcaller.worker.confine import close_from, confine
from harpcaller.worker.procedures import Info
from harpcaller.worker.profile import Confines

NOT_STARTED_EXIT = 127
_ABOVE = 16  # descriptors are moved out of the way of those that we give out


def info_variables(info: Info) -> dict[str, str]:
    """Return the variables that tell an executable who calls."""
    told = {"HARP_USER": info.user, "HARP_PEER": info.peer}
    if info.job_id is not None:
        told["HARP_JOB_ID"] = info.job_id
    # A name is what a dispatcher says; in a variable there is no NUL.
    return {name: text.replace("\0", "\ufffd") for name, text in told.items()}


def become(
    argv: Sequence[str],
    stdin: bytes,
    fds: Sequence[int],
    told_fd: int,
    confines: Confines,
) -> None:
    """Execute `argv` with `stdin` as its input and `fds` as 1, 2 and so on.

    If that fails the reason is written to `told_fd`, which else is closed by the
    execution itself, and the process exits.
    """
    try:
        _arrange([_document(stdin), *fds], told_fd)
        told_fd = 1 + len(fds)
        confine(confines)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
            signal.signal(number, signal.SIG_DFL)
        words = [word.encode() for word in argv]
        os.execvp(words[0], words)  # noqa: S606 (no shell is what we want)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or argv[0]}"
        os.write(told_fd, reason.encode(errors="replace"))
    os._exit(NOT_STARTED_EXIT)


def _document(text: bytes) -> int:
    """Return a descriptor that has `text` to read, and then an end."""
    fd = os.memfd_create("arguments")
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _arrange(fds: Sequence[int], told_fd: int) -> None:
    """Make `fds` 0, 1 and so on, `told_fd` the next; close all others."""
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE) for fd in (*fds, told_fd)]
    for number, fd in enumerate(moved):
        os.dup2(fd, number, inheritable=number < len(fds))
    close_from(len(moved))
