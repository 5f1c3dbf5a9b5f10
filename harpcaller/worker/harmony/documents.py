"""The folder where a service leaves its documents, as they are read back from it."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from harpcaller.worker.harmony.roots import is_below

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024


class Documents(Protocol):
    """A folder, on this machine or elsewhere."""

    @property
    def address(self) -> str:
        """What the service knows it by."""
        ...

    def is_empty(self) -> bool:
        """Tell whether nothing is there yet."""
        ...

    def names(self) -> Sequence[str]:
        """Return the names of what is right in it."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a document below it; None where there is none, or one too large."""
        ...

    def relative(self, href: str) -> str | None:
        """Return the path from the folder to an absolute href, None for others."""
        ...


@attrs.frozen
class OnDisk:
    """A folder of this machine; `address` is its true path."""

    address: str

    def is_empty(self) -> bool:
        """Tell whether nothing is there yet."""
        return not self.names()

    def names(self) -> Sequence[str]:
        """Return the names of what is right in it, none if it is not there."""
        try:
            return os.listdir(self.address)  # noqa: PTH208 (the paths are texts)
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def read(self, name: str) -> bytes | None:
        """Return what is in a file below it; a link that leads out leads nowhere."""
        path = os.path.realpath(f"{self.address}/{name}")
        if not is_below(self.address, path):
            return None
        try:
            # Not blocking: a pipe that nobody writes to would be read for ever.
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return None
        with os.fdopen(fd, "rb") as file:
            text = file.read(MAX_DOCUMENT_BYTES + 1)
        return text if len(text) <= MAX_DOCUMENT_BYTES else None

    def relative(self, href: str) -> str | None:
        """Return the path from the folder to an absolute href, None for others."""
        path = href.removeprefix("file://")
        return posixpath.relpath(path, self.address) if path.startswith("/") else None
