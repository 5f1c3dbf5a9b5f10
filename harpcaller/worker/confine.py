"""What a call's process does to itself, in that process, before the procedure runs."""

from __future__ import annotations

import os
import resource

from harpcaller.worker.profile import RLIMITS, Confines

_KILL_AFTER_S = 1  # from SIGXCPU to SIGKILL, in seconds of CPU


def confine(confines: Confines) -> None:
    """Take on what the profile says of each call.

    Raises:
        OSError: the directory is not there, or not for this user.
    """
    os.umask(confines.umask)
    try:
        os.chdir(confines.cwd)
    except OSError as error:
        raise OSError(error.errno, f"cwd {confines.cwd}: {error.strerror}") from None
    if confines.nice:
        os.nice(confines.nice)
    for name, value in confines.rlimits:
        _limit(name, value)


def close_from(lowest: int) -> None:
    """Close all descriptors from `lowest` on: the call has none but its own."""
    os.closerange(lowest, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _limit(name: str, value: int) -> None:
    which = getattr(resource, f"RLIMIT_{RLIMITS[name]}")
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)  # nobody but root may raise it again
    hard = value + _KILL_AFTER_S if name == "cpu_s" else value
    if most != resource.RLIM_INFINITY:
        hard = min(hard, most)
    resource.setrlimit(which, (value, hard))
