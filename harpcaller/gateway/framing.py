"""What a request must be like before anything looks at what it asks; no IO.

h11 reads the bytes; these are the rules that it and the server around it leave open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

MAX_HEAD_BYTES = 16 * 1024
MAX_TARGET_BYTES = 8 * 1024
_LINE_BYTES = 4  # ": " and the line end
_SPOKEN = ("1.0", "1.1")
_SLASHES = re.compile("/{2,}")


@attrs.frozen
class Complaint:
    """Why a request is refused unread: the status, and a sentence."""

    status: int
    message: str


def complain_of_framing(
    version: str, target_bytes: int, headers: Iterable[tuple[bytes, bytes]]
) -> Complaint | None:
    """Return what is wrong with the frame of a request; its connection has to end."""
    if version not in _SPOKEN:
        return Complaint(505, "this port speaks HTTP/1.1")
    if target_bytes > MAX_TARGET_BYTES:
        return Complaint(414, f"a target of more than {MAX_TARGET_BYTES} bytes")
    names: set[bytes] = set()
    head_bytes = target_bytes
    for name, value in headers:
        names.add(name)
        head_bytes += len(name) + len(value) + _LINE_BYTES
    if head_bytes > MAX_HEAD_BYTES:
        return Complaint(431, f"a head of more than {MAX_HEAD_BYTES} bytes")
    # RFC 9112, section 6.1: somebody on the way may have believed the other one.
    if {b"content-length", b"transfer-encoding"} <= names:
        return Complaint(400, "both Content-Length and Transfer-Encoding")
    return None


def collapsed(path: str) -> str:
    """Return `path` with one slash for each row of them."""
    return _SLASHES.sub("/", path)
