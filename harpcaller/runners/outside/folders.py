"""The folders that adapters' jobs have in the directories that adapters write to."""

from __future__ import annotations

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
        reason = _remove(folder)
        if reason is not None:
            log.warning("folder.kept", job_id=folder.name, reason=reason)


def _remove(folder: Path) -> str | None:
    """Remove all that can be removed, and return why not all could.

    A worker may have made what is its own alone.
    """
    reasons: list[str] = []

    def keep(_: Any, __: str, error: tuple[Any, BaseException, Any]) -> None:
        reasons.append(str(error[1]))

    try:
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, onerror=keep)
    except OSError as error:  # nobody knows whether it is there
        reasons.append(str(error))
    return reasons[0] if reasons else None
