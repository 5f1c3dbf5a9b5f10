"""Files of this machine opened to be read, below directories that are allowed alone.

To be called in threads: a network's file system may take its time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from harpcaller.runners.transfers import TransferFailed

T = TypeVar("T")

SCHEME: Final = "file"
NOT_ALLOWED: Final = "NotAllowed"
EXISTS: Final = "Exists"
TOO_LARGE: Final = "TooLarge"
_PIECE_BYTES: Final = 1024 * 1024
_LOCAL: Final = frozenset({"", "localhost"})
_WORDS: Final[Mapping[int, str]] = {
    errno.ENOENT: "NotFound",
    errno.EACCES: "AccessDenied",
    errno.EPERM: "AccessDenied",
    errno.EEXIST: EXISTS,
    errno.ENOTDIR: NOT_ALLOWED,  # a link too, where none is followed
    errno.ELOOP: NOT_ALLOWED,
    errno.ENOSPC: "Full",
    errno.EDQUOT: "Full",
}


def read_path(uri: str) -> str:
    """Return the path of an absolute path, or of `file:///PATH`, percent-encoded once.

    Raises:
        TransferFailed: it is neither, or could lead elsewhere than it says.
    """
    path = uri if uri.startswith("/") else _path_of_url(uri)
    if "\0" in path or not path.startswith("/"):
        raise TransferFailed("InvalidURI", "the URI names no file")
    if ".." in path.split("/"):
        raise TransferFailed(NOT_ALLOWED, 'no path may have ".." in it')
    return path


def told(work: Callable[[], T]) -> T:
    """Return what `work` returns; the system's errors are told without paths.

    Raises:
        TransferFailed: it failed.
    """
    try:
        return work()
    except OSError as error:
        raise failure(error) from None
    except ValueError:  # a path that cannot be encoded
        raise TransferFailed("InvalidURI", "the URI names no file") from None


def failure(error: OSError) -> TransferFailed:
    """Return what a machine is told of an error of the system's."""
    number = error.errno or 0
    code = _WORDS.get(number) or errno.errorcode.get(number, "OSError")
    return TransferFailed(code, f"the file cannot be used: {os.strerror(number)}")


def open_below(path: str, folders: Iterable[str]) -> int:
    """Return a descriptor to read a regular file that lies in one of the folders.

    Links are followed, and where they led to is what counts. Nothing but a regular
    file is opened: opening a device may do something, opening a pipe may wait.

    Raises:
        TransferFailed: it lies elsewhere, or is no file.
        OSError: it cannot be opened.
    """
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        there = f"/proc/self/fd/{found}"  # the file itself, whatever its name is now
        if not _is_within(Path(there).readlink(), folders):
            text = "the file is in no directory that may be read"
            raise TransferFailed(NOT_ALLOWED, text)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise TransferFailed(NOT_ALLOWED, "it is no regular file")
        return os.open(there, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(found)


def read_below(path: str, folders: Iterable[str], max_bytes: int) -> bytes:
    """Return what is in a file that lies in one of the folders.

    Raises:
        TransferFailed: it cannot be had, or is longer.
    """
    return told(lambda: _read(path, folders, max_bytes))


def _read(path: str, folders: Iterable[str], max_bytes: int) -> bytes:
    with open(open_below(path, folders), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        pieces: list[bytes] = []
        while size <= max_bytes and (piece := file.read(_PIECE_BYTES)):
            pieces.append(piece)
            size = max(size, sum(map(len, pieces)))  # it may grow while it is read
    if size > max_bytes:
        text = f"{size} bytes, at most {max_bytes} are allowed"
        raise TransferFailed(TOO_LARGE, text)
    return b"".join(pieces)


def _path_of_url(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    # What follows "?" or "#" is no part of a path, and may be meant as one.
    if parts.scheme != SCHEME or parts.netloc not in _LOCAL or set(uri) & {"?", "#"}:
        return ""
    return unquote(parts.path, errors="surrogateescape")


def _is_within(real: Path, folders: Iterable[str]) -> bool:
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)
