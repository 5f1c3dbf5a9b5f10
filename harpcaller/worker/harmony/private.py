"""The private folder of a call: its user's alone, and gone when the call is over."""

from __future__ import annotations

import os
from pathlib import Path

from harpcaller.worker.harmony.request import Bundle
from protocol.jsontext import encode


def make_folder(place: str) -> None:
    """Make the folder of the call; nobody can have made it before.

    Raises:
        OSError: it cannot be made.
    """
    os.mkdir(place, mode=0o700)  # noqa: PTH102 (the paths of a call are texts)


def write_file(path: str, data: bytes) -> None:
    """Write a file that only its owner can read, whatever the umask."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)


def write_bundle(folder: str, bundle: Bundle) -> str:
    """Write a tree of documents; return the path of its root."""
    for name, document in bundle.files.items():
        path = Path(folder) / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(str(path), encode(document))
    return f"{folder}/{bundle.root}"
