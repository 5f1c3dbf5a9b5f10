"""Files that adapters answer with: where they may lie, and that they are files."""

from __future__ import annotations

import mimetypes
import os

import trio
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from harpcaller.adapters.route import FilePath
from harpcaller.runners.outside.file_opening import open_below
from harpcaller.runners.transfers import TransferFailed


async def file_response(file: FilePath, status: int) -> FileResponse:
    """Return the answer that a file is.

    Raises:
        HTTPException: 500, there is none that may be shown.
    """
    folders = [str(folder) for folder in file.within] or ["/"]
    try:
        descriptor = await trio.to_thread.run_sync(open_below, str(file.path), folders)
    except (OSError, ValueError, TransferFailed):
        raise HTTPException(500, "the file of the answer cannot be read") from None
    return _OpenFile(descriptor, str(file.path), status)


class _OpenFile(FileResponse):
    """A file that is sent as it was judged, whatever has its name by then."""

    def __init__(self, descriptor: int, name: str, status: int) -> None:
        kind, _ = mimetypes.guess_type(name)
        super().__init__(f"/proc/self/fd/{descriptor}", status, media_type=kind)
        self._descriptor = descriptor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and let go of it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)
