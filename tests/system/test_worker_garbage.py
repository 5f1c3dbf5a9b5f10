"""A thousand connections of garbage change nothing for others, and leave nothing."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import attrs
import pytest
import trio
from eventually import eventually
from harp_peer import a_call, connect, outcome_of
from harpd_process import Harpd
from tls_harpd import TlsHarpd, running_tls_harpd

from harpcaller.worker.linux import descendants_of
from protocol.jsontext import JsonText
from protocol.outcome import Returned

PROCEDURES = "from harpcaller.worker.local import *\n"
PONG = Returned(JsonText(b'"pong"'))
CONNECTIONS = 1000
AT_A_TIME = 40
PATIENCE_S = 5.0  # of the ping beside them, on a busy machine
MAX_LOG_LINES = 150
HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(100)
GARBAGE = (
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b'{"harp":1,"procedure":"ping","arguments":[]}\n',
    b"\0" * 5000,
    b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
    HELLO,
    b"SSH-2.0-OpenSSH_9.2\r\n",
)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[TlsHarpd]:
    """Run a worker that only this test torments."""
    with running_tls_harpd(tmp_path, PROCEDURES) as running:
        yield running


@attrs.frozen
class Left:
    """What a process has: open descriptors, and processes below it."""

    fds: int
    processes: int


def left_by(harpd: Harpd) -> Left:
    """Return what harpd has now."""
    pid = harpd.process.pid
    fds = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (no paths are wanted)
    return Left(fds=fds, processes=len(descendants_of(pid)))


async def torment(address: tuple[str, int], dice: random.Random) -> None:
    """Connect, say something that is no request, and leave in one of several ways."""
    stream = await trio.open_tcp_stream(*address)
    garbage = dice.choice((*GARBAGE, dice.randbytes(300)))
    with suppress(trio.BrokenResourceError):
        await stream.send_all(garbage)
        if dice.random() < 0.3:
            with trio.move_on_after(0.2):
                await stream.receive_some(1000)
    if dice.random() < 0.5:
        stream.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    await trio.aclose_forcefully(stream)


async def garble(worker: TlsHarpd, dice: random.Random) -> None:
    """Speak TLS, and garbage within it."""
    with suppress(trio.BrokenResourceError):
        async with connect(worker.address, worker.plain) as stream:
            await stream.send_all(dice.randbytes(300) + b"\n")
            with trio.move_on_after(0.2):
                await stream.receive_some(1000)


async def test_a_thousand_connections_of_garbage_leave_nothing(
    worker: TlsHarpd,
) -> None:
    """No process, no descriptor, no flood of the log; and others never notice."""
    await ping(worker)
    before = left_by(worker.harpd)
    dice = random.Random(1)  # noqa: S311 (no secret)
    room = trio.CapacityLimiter(AT_A_TIME)
    slowest = 0.0

    async def one(attack: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await attack()

    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS):
            if number % 20:
                nursery.start_soon(one, lambda: torment(worker.address, dice))
            else:
                nursery.start_soon(one, lambda: garble(worker, dice))
        while room.borrowed_tokens or room.statistics().tasks_waiting:
            began_at = trio.current_time()
            await ping(worker)
            slowest = max(slowest, trio.current_time() - began_at)
            await trio.sleep(0.02)

    await eventually(lambda: left_by(worker.harpd).fds <= before.fds)
    assert left_by(worker.harpd).processes <= before.processes
    assert slowest < PATIENCE_S
    assert len(worker.harpd.log.splitlines()) < MAX_LOG_LINES


async def ping(worker: TlsHarpd) -> None:
    """Have a call done, as everybody else."""
    with trio.fail_after(PATIENCE_S):
        async with connect(worker.address, worker.plain) as stream:
            assert await outcome_of(stream, a_call("ping")) == PONG
