"""A service at work: its lines and its signs of life, until its end."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

from harpcaller.worker.harmony.loglines import LogLines, Packet

ALIVE_S = 30.0
_CHUNK_BYTES = 1 << 16
_PIPES_BYTES = 2 * 1024 * 1024  # more than both can hold when the process has ended


def follow(
    process: subprocess.Popen[bytes], lines: LogLines, alive_s: float = ALIVE_S
) -> Iterator[Packet]:
    """Yield packets until the process has ended and its pipes are empty.

    Descendants that go on writing are not waited for: they are ended next.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        ending = os.pidfd_open(process.pid)
        stack.callback(os.close, ending)
        selector.register(ending, selectors.EVENT_READ)
        _register_pipes(selector, process)
        began_at = time.monotonic()
        alive_at = began_at + alive_s
        left_bytes = _PIPES_BYTES
        while left_bytes > 0:
            ready = selector.select(max(0.0, alive_at - time.monotonic()))
            if time.monotonic() >= alive_at:
                alive_at = time.monotonic() + alive_s
                yield {"alive": round(time.monotonic() - began_at)}
            pipes = [key for key, _ in ready if key.data]
            has_ended = len(pipes) < len(ready)
            if has_ended and not pipes:
                break
            if not has_ended:
                left_bytes = _PIPES_BYTES
            for key in pipes:
                left_bytes -= yield from _read(selector, key, lines)
    for name in ("stdout", "stderr"):
        yield from lines.receive_eof(name)
    if lines.omitted:
        yield {"log": "omitted", "lines": lines.omitted}


def alive_while(
    work: Callable[[], Any], alive_s: float = ALIVE_S
) -> Generator[Packet, None, Any]:
    """Yield signs of life until `work` is done; return or raise what it does."""
    began_at = time.monotonic()
    done: list[Any] = []
    failed: list[BaseException] = []

    def carry_out() -> None:
        try:
            done.append(work())
        except BaseException as error:  # raised again below
            failed.append(error)

    thread = threading.Thread(target=carry_out, daemon=True)
    thread.start()
    thread.join(alive_s)
    while thread.is_alive():
        yield {"alive": round(time.monotonic() - began_at)}
        thread.join(alive_s)
    if failed:
        raise failed[0]
    return done[0]


def _register_pipes(
    selector: selectors.BaseSelector, process: subprocess.Popen[bytes]
) -> None:
    for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
        assert pipe is not None  # noqa: S101 (by who started it)
        selector.register(pipe, selectors.EVENT_READ, name)


def _read(
    selector: selectors.BaseSelector, key: selectors.SelectorKey, lines: LogLines
) -> Generator[Packet, None, int]:
    """Yield the packets of what is in a pipe that is ready; return its length."""
    data = os.read(key.fd, _CHUNK_BYTES)
    if not data:
        selector.unregister(key.fileobj)
    yield from lines.receive(key.data, data)
    return len(data)
