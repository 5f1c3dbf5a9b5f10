"""`kill -9` at any instant: what a client was told stays true."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from daemon_process import running_daemon
from logging_worker import running_worker
from torment import Torment, campaign, seed

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]

KILLS = 200
MAX_RUNNING = 40  # few enough that jobs without a queue wait too
LONGEST_ROUND_S = 0.6
STOP_GRACE_S = 0.1

# The last number is about what a round makes of it; the first ones are recovery's.
SYSCALLS = {"fdatasync": 60, "pwrite64": 600, "sendto": 300, "write": 120, "unlink": 4}


async def test_kills_at_random_instants_break_no_promise(tmp_path: Path) -> None:
    """P1 to P4: told is kept, one end, queues in order, logs dense."""
    chance = random.Random(seed())  # noqa: S311 (to be repeated, not secret)

    async def die(torment: Torment) -> None:
        await trio.sleep(chance.uniform(0, LONGEST_ROUND_S))
        if chance.random() < 0.2:  # a stop is no safer place to die
            torment.terminate()
            await trio.sleep(chance.uniform(0, 2 * STOP_GRACE_S))
        torment.daemon.kill()

    with tormented_daemon(tmp_path, chance) as torment:
        for _ in range(campaign(KILLS)):
            await torment.survive(die)
        await torment.outlive()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_kills_at_the_nth_write_break_no_promise(tmp_path: Path) -> None:
    """Chance rarely hits the instants between a write, its fsync and the answer."""
    chance = random.Random(seed())  # noqa: S311 (to be repeated, not secret)

    with tormented_daemon(tmp_path, chance) as torment:
        for _ in range(campaign(KILLS)):
            await torment.survive(die_by_itself, below_next=killer(chance))
        await torment.survive(die_by_itself)
        await torment.outlive()

        assert torment.struck > campaign(KILLS) / 4, "strace hit too rarely"


async def die_by_itself(torment: Torment) -> None:
    """Wait until strace has killed the daemon, or kill it."""
    daemon = torment.daemon
    deadline = time.monotonic() + LONGEST_ROUND_S
    while daemon.is_alive and time.monotonic() < deadline:  # noqa: ASYNC110 (a process)
        await trio.sleep(0.005)
    torment.struck += not daemon.is_alive
    daemon.kill()


def killer(chance: random.Random) -> list[str]:
    """Return the command that kills what it starts at the n-th of some syscall."""
    syscall = chance.choice(list(SYSCALLS))
    # As many from 1 to 10 as from 10 to 100.
    number = round(math.exp(chance.uniform(0, math.log(SYSCALLS[syscall]))))
    inject = f"inject={syscall}:signal=KILL:when={number}"
    # No --seccomp-bpf: with it strace 6.1 sends the signal late or never.
    options = ["-D", "-f", "-qq", "-o", "/dev/null"]
    return ["strace", *options, "-e", f"trace={syscall}", "-e", inject]


@contextmanager
def tormented_daemon(directory: Path, chance: random.Random) -> Iterator[Torment]:
    """Run a daemon and its worker, to be tormented."""
    with (
        running_worker(directory / "worker") as worker,
        running_daemon(
            directory / "daemon",
            hosts=worker.hosts(),
            settings={
                "max_running": MAX_RUNNING,
                "stop_grace_s": STOP_GRACE_S,
                "ca_file": str(worker.ca_file),
            },
        ) as daemon,
    ):
        torment = Torment(daemon, worker, chance)
        torment.told.refusals = frozenset({"shutting_down"})
        yield torment
