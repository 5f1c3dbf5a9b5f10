"""A daemon among its kin: readiness for systemd, signals, the pid file."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn

import structlog
import trio

from indira.beside import beside

log = structlog.get_logger()

READY = "READY=1"
STOPPING = "STOPPING=1"
STATUS_S = 10.0  # how often systemd hears of our state
EXTENSION_S = 30  # how much longer it is to wait, from each time that it hears this


def notify(*states: str) -> bool:
    """Tell systemd, sd_notify(3); False where nobody asked or nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return False
    if address.startswith("@"):  # unix(7): the name of an abstract socket
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)  # a stuck manager must not stop us
            sock.sendto("\n".join(states).encode(), address)
    except OSError as error:
        log.warning("service.unheard", error=error.strerror)
        return False
    return True


async def receive_stops(
    stop: Callable[[], None],
    stop_now: Callable[[], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `stop` at the first SIGTERM or SIGINT, `stop_now` at each later one."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        task_status.started()
        is_stopping = False
        async for number in received:
            name = signal.Signals(number).name
            log.info("signal.received", signal=name, now=is_stopping)
            (stop_now if is_stopping else stop)()
            is_stopping = True


async def receive_each(
    number: signal.Signals,
    act: Callable[[], Awaitable[object]],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `act` at each signal of a kind; those that come meanwhile count as one."""
    with trio.open_signal_receiver(number) as received:
        task_status.started()
        async for _ in received:
            log.info("signal.received", signal=number.name)
            await act()


@asynccontextmanager
async def taking_long(status: str) -> AsyncIterator[None]:
    """Have systemd wait for us, however long the block takes; tell it why."""

    async def extend() -> NoReturn:
        while True:
            extension = f"EXTEND_TIMEOUT_USEC={EXTENSION_S * 1_000_000}"
            notify(f"STATUS={status}", extension)
            await trio.sleep(EXTENSION_S / 3)

    async with beside() as nursery:
        nursery.start_soon(extend)
        yield


async def report(
    answer: Callable[[], Awaitable[str]], watchdog_s: float | None
) -> None:
    """Tell systemd how we are, and that we are alive as long as `answer` answers.

    It returns the status, or raises an Exception where nobody is alive. Ends at once
    where nobody listens.
    """
    if not os.environ.get("NOTIFY_SOCKET"):
        return
    period_s = STATUS_S if watchdog_s is None else min(watchdog_s / 3, STATUS_S)
    while True:
        with trio.move_on_after(period_s):
            try:
                status = await answer()
            except Exception as error:
                log.warning("service.unwell", reason=str(error))
            else:
                sign = [] if watchdog_s is None else ["WATCHDOG=1"]
                notify(f"STATUS={status}", *sign)
            await trio.sleep_forever()


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return how long systemd waits for a sign of life: sd_watchdog_enabled(3)."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else None


@contextmanager
def reloading() -> Iterator[None]:
    """Have systemd know that the block reloads: sd_notify(3), RELOADING=1."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        yield
    finally:
        notify(READY)


@contextmanager
def pid_file(path: Path) -> Iterator[None]:
    """Keep our pid in `path` while the block runs; never half written.

    Raises:
        OSError: it cannot be written.
    """
    pid = f"{os.getpid()}\n"
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(pid)
    fresh.replace(path)
    try:
        yield
    finally:
        if path.is_file() and path.read_text() == pid:
            path.unlink(missing_ok=True)
