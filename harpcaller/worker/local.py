"""A few useful procedures: what the worker of `harpcallerd start --dev` serves."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harpcaller.worker import Result, procedure, streaming_procedure


@procedure
def ping() -> str:
    """Answer, to show that calls arrive."""
    return "pong"


@procedure
def echo(value: Any) -> Any:
    """Return `value`."""
    return value


@procedure
def sleep(seconds: float) -> None:
    """Return after a while."""
    time.sleep(seconds)


@streaming_procedure
def count(n: int, interval: float = 0.1) -> Iterator[int | Result]:
    """Stream the numbers below `n`, one every `interval` seconds; return `n`."""
    for number in range(n):
        if number and interval:  # a sleep of 0 takes 50 µs
            time.sleep(interval)
        yield number
    yield Result(n)


@procedure
def fail(message: str) -> None:
    """Raise an exception that says `message`."""
    raise RuntimeError(message)


@procedure
def uptime() -> float:
    """Return how many seconds ago this machine was started."""
    return float(Path("/proc/uptime").read_text().split()[0])


@procedure
def disk(path: str = "/") -> dict[str, int]:
    """Return the size of the file system at `path`, in bytes."""
    usage = shutil.disk_usage(path)
    return {"total": usage.total, "used": usage.used, "free": usage.free}
