"""Who else may write to a file that we are about to trust."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def complain_if_writable(path: Path) -> str | None:
    """Return why `path` is not to be trusted, None if only its owner may write it."""
    return _complaint(path.stat().st_mode)


def complain_if_not_ours(path: Path) -> str | None:
    """Return the same, and where neither root nor we own it."""
    found = path.stat()
    if found.st_uid not in {0, os.geteuid()}:
        return "it is neither root's nor ours"
    return _complaint(found.st_mode)


def complain_if_open_writable(descriptor: int) -> str | None:
    """Return the same for a file that is open: it cannot be swapped any more."""
    return _complaint(os.fstat(descriptor).st_mode)


def _complaint(mode: int) -> str | None:
    if not mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    return (
        f"others than its owner may write to it (mode {mode & 0o7777:04o}): chmod go-w"
    )
