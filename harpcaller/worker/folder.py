"""The folder of executables: each may be called, by its name without suffix."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from harpcaller.rights import complain_if_not_ours
from harpcaller.worker.catalogue import Defaults, Offered
from harpcaller.worker.kinds.executable import Executable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def read_folder(folder: Path, defaults: Defaults) -> tuple[Offered, ...]:
    """Return a procedure for each executable file; hidden and other files are none.

    Raises:
        ValueError: somebody else may write there, or a link leads out of it.
    """
    try:
        _check_rights(folder)
        names = sorted(os.listdir(folder))  # noqa: PTH208 (names are what we want)
        found = [_executable(folder / name) for name in names if name[0] != "."]
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    return tuple(
        Offered(what=one, profile=defaults.profile, limits=defaults.limits)
        for one in found
        if one is not None
    )


def _executable(path: Path) -> Executable | None:
    try:
        true = Path(os.path.realpath(path, strict=True))  # `resolve` hides ELOOP
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    if not true.is_file() or not true.stat().st_mode & stat.S_IXUSR:
        return None
    if true.parent != path.parent.resolve():
        raise ValueError(f"{path}: a link that leads out of its folder")
    _check_rights(true)
    if not _NAME.fullmatch(path.stem):
        raise ValueError(f"{path}: no name for a procedure")
    return Executable(name=path.stem, argv=(str(true),))


def _check_rights(path: Path) -> None:
    complaint = complain_if_not_ours(path)
    if complaint is not None:
        raise ValueError(f"{path}: {complaint}")
