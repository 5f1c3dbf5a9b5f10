"""Waits for what another process or thread does and gives no sign of."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import trio


async def eventually(condition: Callable[[], bool], within_s: float = 60) -> None:
    """Return once `condition` holds; fail if it does not within the time."""
    with trio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110 (nothing would set an event)
            await trio.sleep(0.01)


def wait_until(condition: Callable[[], bool], within_s: float = 60) -> None:
    """Do the same in a test without a loop."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
