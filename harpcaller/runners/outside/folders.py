"""The folders that adapters' jobs have in the directories that adapters write to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog
import trio

from harpcaller.runners.installed import Installed
from protocol.job import JobId

log = structlog.get_logger()


async def remove_folders(
    adapters: Iterable[Installed], job_ids: Sequence[JobId]
) -> None:
    """Remove what jobs have left with any adapter; the log tells what stays.

    It may be broken off, and begun anew.
    """
    desks = {one.desk for one in adapters if one.desk is not None}
    folders = [Path(desk.folder, job_id) for desk in desks for job_id in job_ids]
    if folders:
        await trio.to_thread.run_sync(_remove_all, folders, abandon_on_cancel=True)


def _remove_all(folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove all that can be removed: a worker may have made what is its own alone."""
    reasons: list[str] = []

    def keep(_: Any, __: str, error: tuple[Any, BaseException, Any]) -> None:
        reasons.append(str(error[1]))

    shutil.rmtree(folder, onerror=keep)
    if reasons and os.path.lexists(folder):
        log.warning("folder.kept", job_id=folder.name, reason=reasons[0])
