"""Disk space kept back, so that jobs can still end when the disk is full."""

from __future__ import annotations

import os
import time
from pathlib import Path

_RETRY_S = 1.0


class Reserve:
    """A file of real blocks that is given up first, and filled again later."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._path = path
        self._next_try_at = 0.0
        self._is_whole = False

    def is_whole(self) -> bool:
        """Tell whether the space is kept back; try to get it, now and then."""
        if self._is_whole:
            return True
        now = time.monotonic()
        if now < self._next_try_at:
            return False
        self._next_try_at = now + _RETRY_S
        self._is_whole = self._fill()
        return self._is_whole

    @property
    def is_held(self) -> bool:
        """Tell whether there is something to release."""
        return self._is_whole and self._size_bytes > 0

    def release(self) -> None:
        """Give the space to whoever writes next."""
        self._is_whole = False
        self._next_try_at = time.monotonic() + _RETRY_S
        self._path.unlink(missing_ok=True)

    def _fill(self) -> bool:
        if not self._size_bytes:
            return True
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(file, 0, self._size_bytes)
        except OSError:
            # What was got of it would only make the disk fuller.
            os.ftruncate(file, 0)
            return False
        finally:
            os.close(file)
        return True
