"""The last good list of the registry script, on disk: a file only we may read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from harpcaller.hosts.lines import Listed, read_hosts, write_hosts
from harpcaller.hosts.registry import Host
from harpcaller.rights import complain_if_open_writable


def load(path: Path) -> Listed:
    """Return the hosts that were kept; none where nothing was kept yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return Listed()
    except OSError as error:
        return Listed(problems=(f"it cannot be read: {error.strerror}",))
    try:
        untrusted = complain_if_open_writable(descriptor)
        if untrusted is not None:
            return Listed(problems=(untrusted,))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return read_hosts(file.read())
    except OSError as error:
        return Listed(problems=(f"it cannot be read: {error.strerror}",))
    finally:
        os.close(descriptor)


def save(path: Path, hosts: Iterable[Host]) -> None:
    """Replace the file in one step; after a crash it is the old or the new one.

    Raises:
        OSError: it could not be written; the old file stands.
    """
    text = write_hosts(hosts)
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(unfinished).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(unfinished).unlink()
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
