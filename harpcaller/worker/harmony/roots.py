"""Where a call may read and write: below the roots that the operator names."""

from __future__ import annotations

import os
from collections.abc import Iterable

from harpcaller.worker.harmony.request import refuse
from harpcaller.worker.kinds.arguments import MAX_PATH_BYTES


def below(roots: Iterable[str], path: str, name: str) -> str:
    """Return the true path, links followed; `name` is that of the argument.

    Raises:
        Refused: `invalid_argument_list`, it is none, or outside of all roots.
    """
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        refuse(f'argument "{name}": expected a path from "/" on, without ".."')
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        refuse(f'argument "{name}": at most {MAX_PATH_BYTES} bytes')
    true = os.path.realpath(path)
    if not any(is_below(os.path.realpath(root), true) for root in roots):
        refuse(f'argument "{name}": a path below none of the "roots"')
    return true


def is_below(root: str, path: str) -> bool:
    """Tell whether a true path is another one, or below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")
