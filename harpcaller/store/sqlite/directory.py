"""The state directory: its rights, and the lock that lets one daemon own it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from harpcaller.store import StoreError

_LOCK = "lock"


class InUse(StoreError):
    """Another process owns the state directory."""


def take_directory(directory: Path) -> int:
    """Make `directory` ours; return the descriptor that keeps it so until closed.

    Raises:
        InUse: another process has it; the message names its pid.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(directory / _LOCK, flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).decode(errors="replace").strip()
        os.close(lock)
        raise InUse(
            f"{directory} is in use by the process with pid {pid or 'unknown'}"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
