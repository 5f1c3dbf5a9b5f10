"""Media types by the endings of names, for files that do not tell their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from harpcaller.adapters.harmony.uris import last_part

# A table of our own: Python's reads the machine's, and each machine has another.
_BY_ENDING: Final[Mapping[str, str]] = {
    "csv": "text/csv",
    "gif": "image/gif",
    "h5": "application/x-hdf5",
    "hdf": "application/x-hdf",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "nc": "application/x-netcdf4",
    "nc4": "application/x-netcdf4",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "zarr": "application/x-zarr",
    "zip": "application/zip",
}

UNKNOWN_TYPE: Final = "application/octet-stream"
# RFC 9110, 8.3.1, loosely: one line of ASCII, and a slash in it. No colon, for that is
# in a reference to what is sealed, which a header would open.
_HEADER: Final = re.compile(r"[!-9;-~]+/[!-9;-~]+( *;[ -9;-~]*)?")


def header_type(told: str | None, href: str) -> str:
    """Return what a header says of a file's type: what was `told`, if it can."""
    if told is not None and _HEADER.fullmatch(told):
        return told
    return type_of(href) or UNKNOWN_TYPE


def type_of(href: str) -> str | None:
    """Return the media type that a name tells, None for an unknown ending."""
    return _BY_ENDING.get(last_part(href).rpartition(".")[2].lower())
