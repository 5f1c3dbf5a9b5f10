"""New job ids: version 7 UUIDs, so that lists sort by time (RFC 9562, section 5.7)."""

from __future__ import annotations

import os

from protocol.job import JobId

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM = (1 << 80) - 1 & ~(0xF << 76) & ~(0b11 << 62)
_ID_BYTES = 10
_POOL_BYTES = 400 * _ID_BYTES
_pool = bytearray()
"""Random bytes to come: each look at the system's source lets another thread in."""


def new_job_id(at: float) -> JobId:
    """Return an id that nobody has used, for a job submitted at `at` (UTC seconds)."""
    if not _pool:
        _pool.extend(os.urandom(_POOL_BYTES))
    random = int.from_bytes(_pool[-_ID_BYTES:]) & _RANDOM
    del _pool[-_ID_BYTES:]
    text = f"{int(at * 1000) << 80 | _VERSION | _VARIANT | random:032x}"
    return JobId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
