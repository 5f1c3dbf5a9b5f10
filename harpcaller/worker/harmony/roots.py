"""Where a call may read and write: below the roots that the operator names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from harpcaller.adapters.places import is_allowed, read_place
from harpcaller.worker.harmony.request import refuse
from harpcaller.worker.kinds.arguments import MAX_PATH_BYTES

# What boto3, pystac and we read in one way: nothing is escaped in it.
_S3_FOLDER = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9_./=+:@,-]*")


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


def below_s3(places: Iterable[str], url: str, name: str) -> str:
    """Return the address of a folder in S3, with a slash at its end.

    Raises:
        Refused: `invalid_argument_list`, it is none, or at none of the places.
    """
    path = url.removesuffix("/").removeprefix("s3://")
    is_plain = _S3_FOLDER.fullmatch(url) and len(url) <= MAX_PATH_BYTES
    if not is_plain or {"", ".", ".."} & set(path.split("/")):
        refuse(f'argument "{name}": expected "s3://BUCKET/FOLDER/" in plain letters')
    if not is_allowed(url, map(read_place, places)):
        refuse(f'argument "{name}": in none of the places of "s3_allow"')
    # harmony-service-lib appends the name of a document as it is.
    return f"s3://{path}/"


def is_below(root: str, path: str) -> bool:
    """Tell whether a true path is another one, or below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")
