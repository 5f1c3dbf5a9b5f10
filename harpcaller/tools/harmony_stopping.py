"""Signals that end a container, as exceptions; and work that is bounded in time.

For commands alone: the handlers are the process's, and belong to its main thread.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Stopped(BaseException):
    """Somebody sent SIGTERM or SIGINT; no `except Exception` keeps it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class _TimeOver(BaseException):
    pass


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGINT raise Stopped for the block, each time they come."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, _stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def do_within(limit_s: float, work: Callable[[], None]) -> None:
    """Do `work`, and give it up where it stands when the time is over."""
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        work()
    except _TimeOver:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise Stopped(number)


def _give_up(_: int, __: FrameType | None) -> NoReturn:
    raise _TimeOver
