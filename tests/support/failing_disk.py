"""A disk that refuses to write or to sync when it is told to."""

from __future__ import annotations

from typing import Any

import apsw

REAL_DISK = "unix"


class FailingDisk(apsw.VFS):
    """Stands below SQLite in this process, from `register` to `unregister`."""

    def __init__(self) -> None:
        super().__init__("failing", REAL_DISK, True)
        self.is_full = False
        self.is_failing = False
        self.syncs = 0

    def xOpen(self, name: Any, flags: Any) -> _File:  # noqa: N802 (SQLite's name)
        """Open a file of the real disk."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: Any) -> None:
        super().__init__(REAL_DISK, name, flags)
        self._disk = disk

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 (SQLite's name)
        if self._disk.is_full:
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 (SQLite's name)
        self._disk.syncs += 1
        if self._disk.is_failing:
            raise apsw.IOError("the disk is broken")
        super().xSync(flags)
