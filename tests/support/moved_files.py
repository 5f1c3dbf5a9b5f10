"""Files as adapters have them read and written."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.file_writing import Desk
from harpcaller.runners.outside.files import FileMover
from harpcaller.runners.transfers import TransferFailed

KIB = 1024


def mover(
    *folders: Path, work: Path | None = None, gid: int | None = None
) -> FileMover:
    """Return a mover that reads in some folders, and writes to one."""
    desk = None if work is None else Desk(folder=str(work), gid=gid)
    return FileMover(tuple(map(str, folders)), desk)


def a_save(path: Path | str, body: bytes = b"{}", **more: Any) -> Save:
    """Return a Save."""
    uri = path if isinstance(path, str) else path.as_uri()
    return Save(key="s", uri=uri, body=body, **more)


async def unread(files: FileMover, uri: str, max_bytes: int = KIB) -> str:
    """Return why a file is not read; nothing may hang."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await files.fetch(uri, max_bytes)
    return caught.value.code


async def unwritten(files: FileMover, save: Save, *, again: bool = False) -> str:
    """Return why a file is not written."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await files.save(save, again=again)
    return caught.value.code


def names(folder: Path) -> list[str]:
    """Return what is in a directory."""
    return [each.name for each in folder.iterdir()]


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a directory where everybody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def mode(path: Path) -> int:
    """Return the rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)
