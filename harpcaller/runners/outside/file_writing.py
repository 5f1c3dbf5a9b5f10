"""Files written below one directory of this machine, durable before that is said.

To be called in threads, and to be waited for: what has begun is done or undone.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import attrs

from harpcaller.runners.outside.file_opening import NOT_ALLOWED, told
from harpcaller.runners.transfers import TransferFailed

# No name of ours or of a worker's begins so; a crash leaves such files behind.
UNFINISHED: Final = ".part-"


@attrs.frozen(kw_only=True)
class Desk:
    """The directory that is written to; files are its owner's, or a group's too."""

    folder: str
    gid: int | None = None

    @property
    def file_mode(self) -> int:
        """The rights of files."""
        return 0o600 if self.gid is None else 0o640

    @property
    def folder_mode(self) -> int:
        """The rights of directories: what is made in them later is the group's too."""
        return 0o700 if self.gid is None else 0o2770


def write_below(desk: Desk, path: str, body: bytes, *, replace: bool) -> None:
    """Make `body` durable as the file `path`, and the directories on the way to it.

    At any time there is nothing, or what was there, or all of it.

    Raises:
        TransferFailed: it was not written; Exists, without `replace`.
    """
    told(lambda: _write(desk, _parts(desk, path), body, replace=replace))


def _parts(desk: Desk, path: str) -> list[str]:
    folder = desk.folder.rstrip("/") + "/"
    below = path.removeprefix(folder).split("/")
    parts = [part for part in below if part not in {"", "."}]
    if not path.startswith(folder) or path.endswith("/") or not parts:
        text = "it is in no directory that may be written to"
        raise TransferFailed(NOT_ALLOWED, text)
    return parts


def _write(desk: Desk, parts: list[str], body: bytes, *, replace: bool) -> None:
    *folders, name = parts
    at = os.open(desk.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = _enter(desk, at, folder)
            os.close(at)
            at = below
        _put(desk, at, name, body, replace=replace)
    finally:
        os.close(at)


def _enter(desk: Desk, at: int, name: str) -> int:
    """Return the directory `name`, durable; no link is followed."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=at)
    os.fsync(at)  # whoever made it may not have got so far
    below = os.open(
        name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at
    )
    try:
        found = os.fstat(below)
        is_right = stat.S_IMODE(found.st_mode) == desk.folder_mode
        if found.st_uid == os.geteuid() and not is_right:
            _give(desk, below, desk.folder_mode)
    except BaseException:
        os.close(below)
        raise
    return below


def _put(desk: Desk, at: int, name: str, body: bytes, *, replace: bool) -> None:
    _refuse_link(at, name)
    with _unfinished(at) as made:
        with open(
            made,
            "xb",
            opener=lambda path, flags: os.open(path, flags, 0o600, dir_fd=at),
        ) as file:
            _give(desk, file.fileno(), desk.file_mode)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.rename(made, name, src_dir_fd=at, dst_dir_fd=at)
        else:
            os.link(made, name, src_dir_fd=at, dst_dir_fd=at)
    os.fsync(at)


@contextmanager
def _unfinished(at: int) -> Iterator[str]:
    """Give the name of a file that is gone afterwards, unless it was renamed."""
    name = UNFINISHED + secrets.token_hex(8)
    try:
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=at)


def _refuse_link(at: int, name: str) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.lstat(name, dir_fd=at).st_mode):
            raise TransferFailed(NOT_ALLOWED, "no link may be written to")


def _give(desk: Desk, file: int, mode: int) -> None:
    if desk.gid is not None:
        os.chown(file, -1, desk.gid)  # before the mode, of which it takes a part away
    os.chmod(file, mode)
