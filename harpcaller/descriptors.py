"""How many files and sockets this process may have open."""

from __future__ import annotations

import os
import resource

ENOUGH = 65536


def raise_limit() -> None:
    """Take as many descriptors as we may have and can use; often 1024 are given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def limit() -> int:
    """Return how many this process may have open; none is as good as very many."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


def count_open() -> int:
    """Return how many this process has open."""
    return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 (one is the list's own)
