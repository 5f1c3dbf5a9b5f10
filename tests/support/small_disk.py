"""A file system of a few megabytes that can be filled up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

MIB = 1024 * 1024


@attrs.frozen
class SmallDisk:
    """Where it is mounted; a file of ours can take all that is free."""

    root: Path

    @property
    def _filler(self) -> Path:
        return self.root / "filler"

    def fill(self) -> None:
        """Take all that is free, to the last byte."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass  # not so much at a time any more

    def give_back(self) -> None:
        """Free what `fill` took."""
        self._filler.unlink()

    @property
    def free_bytes(self) -> int:
        """How much is free."""
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(directory: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk at `directory`; skip the test where that is not allowed."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs"]
    mounted = subprocess.run([*mount, str(directory)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
