"""Files that adapters answer with: where they may lie, and that they are files."""

from __future__ import annotations

from pathlib import Path

import trio
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from harpcaller.adapters.route import FilePath


async def file_response(file: FilePath, status: int) -> FileResponse:
    """Return the answer that a file is.

    Raises:
        HTTPException: 500, there is none that may be shown.
    """
    path = await trio.to_thread.run_sync(_found, file)
    if path is None:
        raise HTTPException(500, "the file of the answer cannot be read")
    return FileResponse(str(path), status)


def _found(file: FilePath) -> Path | None:
    """Return where the file is in truth, links followed."""
    try:
        path = Path(file.path).resolve(strict=True)
        roots = [Path(root).resolve() for root in file.within]
        is_file = path.is_file()  # a pipe would be waited for
    except (OSError, RuntimeError, ValueError):
        return None
    is_within = not roots or any(path.is_relative_to(root) for root in roots)
    return path if is_file and is_within else None
