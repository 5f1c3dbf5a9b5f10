"""Files of this machine, read and written in threads where an adapter may."""

from __future__ import annotations

import os
from functools import partial
from typing import Final

import attrs
import trio

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.file_opening import (
    EXISTS,
    NOT_ALLOWED,
    TOO_LARGE,
    open_below,
    read_below,
    read_path,
    told,
)
from harpcaller.runners.outside.file_writing import Desk, write_below
from harpcaller.runners.transfers import TransferFailed

_CONCURRENCY: Final = 16  # more would only take threads from others


class FileMover:
    """Moves documents to and from files.

    It reads in `folders` and at the desk, and writes at the desk alone; None is none.
    """

    def __init__(self, folders: tuple[str, ...], desk: Desk | None) -> None:
        self._desk = desk
        own = () if desk is None else (desk.folder,)
        self._folders = (*folders, *own)
        self._limiter = trio.CapacityLimiter(_CONCURRENCY)

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document of at most `max_bytes`.

        Raises:
            TransferFailed: NotAllowed, NotFound, AccessDenied, TooLarge and others.
        """
        path = read_path(uri)
        return await trio.to_thread.run_sync(
            partial(read_below, path, self._folders, max_bytes),
            abandon_on_cancel=True,
            limiter=self._limiter,
        )

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document; where one is already it is ours only if it is the same.

        Raises:
            TransferFailed: NotAllowed, Exists, AccessDenied, Full and others.
        """
        desk = self._written_to()
        path = read_path(save.uri)

        def write() -> None:
            try:
                write_below(desk, path, save.body, replace=save.replace)
            except TransferFailed as failed:
                may_be_ours = failed.code == EXISTS and again
                if not may_be_ours or not _holds(desk, path, save.body):
                    raise
                # It may have been written by who did not live to make it durable.
                write_below(desk, path, save.body, replace=True)

        await trio.to_thread.run_sync(write, limiter=self._limiter)

    async def upload(self, uri: str) -> Upload:
        """Return a file that was written here, opened to be sent.

        Raises:
            TransferFailed: it cannot be had.
        """
        desk, path = self._written_to(), read_path(uri)
        file = await trio.to_thread.run_sync(
            told, partial(open_below, path, (desk.folder,)), limiter=self._limiter
        )
        return Upload(file=file, size=os.fstat(file).st_size)

    def _written_to(self) -> Desk:
        if self._desk is None:
            text = "there is no directory that may be written to"
            raise TransferFailed(NOT_ALLOWED, text)
        return self._desk


@attrs.frozen(kw_only=True)
class Upload:
    """An open file, and how much of it is sent; whoever got it closes it."""

    file: int
    size: int

    async def read(self, offset: int, max_bytes: int) -> bytes:
        """Return what is there, nothing at its end."""
        wanted = min(max_bytes, self.size - offset)
        return await trio.to_thread.run_sync(os.pread, self.file, wanted, offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self.file)


def _holds(desk: Desk, path: str, body: bytes) -> bool:
    try:
        return read_below(path, (desk.folder,), len(body)) == body
    except TransferFailed as failed:
        if failed.code == TOO_LARGE:
            return False
        raise
