"""A disk that fails a sync: nothing more is acknowledged, the daemon ends with 74."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import trio
from daemon_process import DaemonProcess, running_daemon
from logging_worker import running_worker
from torment import Torment, campaign, seed

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed"
)

FAILURES = 30
EX_IOERR = 74
ENDS_WITHIN_S = 5.0
CALL: dict[str, Any] = {"host": "nowhere", "procedure": "p", "arguments": []}


# So many, each thread for itself, are more than a recovery needs.
ENOUGH = {"fdatasync": 20, "pwrite64": 150}


def failing(syscall: str, number: int) -> list[str]:
    """Return the command below which a thread's `number`-th `syscall` fails with EIO.

    The next ones succeed: Linux reports a lost page once.
    """
    options = ["-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]
    inject = f"inject={syscall}:error=EIO:when={number}"
    return ["strace", *options, "-e", f"trace={syscall}", "-e", inject]


@pytest.mark.parametrize("syscall", ["fdatasync", "pwrite64"])
def test_after_a_failed_write_nothing_is_told_and_the_daemon_ends(
    tmp_path: Path, syscall: str
) -> None:
    """P1: what a repeated sync does not complain of may be gone all the same."""
    below = failing(syscall, ENOUGH[syscall])
    with running_daemon(tmp_path, below=below) as daemon:
        kept, refusals = _submit_until_gone(daemon)
        code = daemon.wait(ENDS_WITHIN_S)
        daemon.below = ()
        daemon.start()

        assert code == EX_IOERR
        assert set(refusals) <= {"storage_error", "shutting_down"}
        for job_id in kept:
            assert daemon.ask({"get_status": job_id})["call"]["procedure"] == "p"
        assert "job_id" in daemon.ask(CALL)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_writes_that_fail_under_load_break_no_promise(tmp_path: Path) -> None:
    """What was told before stays true, and the next daemon recovers."""
    chance = random.Random(seed())  # noqa: S311 (to be repeated, not secret)

    async def fail(torment: Torment) -> None:
        daemon = torment.daemon
        if not daemon.below:  # it had failed in its recovery
            daemon.kill()
            return
        code = await trio.to_thread.run_sync(daemon.wait)
        assert code == EX_IOERR

    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={"ca_file": str(worker.ca_file)},
        ) as daemon,
    ):
        torment = Torment(daemon, worker, chance)
        torment.told.refusals = frozenset({"shutting_down", "storage_error"})
        for _ in range(campaign(FAILURES)):
            syscall = chance.choice(list(ENOUGH))
            number = chance.randint(1, 4 * ENOUGH[syscall])
            await torment.survive(fail, below_next=failing(syscall, number))
        await torment.survive(fail)
        await torment.outlive()


def _submit_until_gone(daemon: DaemonProcess) -> tuple[list[str], list[str]]:
    """Return the jobs that were accepted, and the errors that followed."""
    kept: list[str] = []
    refusals: list[str] = []
    try:
        for _ in range(1000):
            reply = daemon.ask(CALL)
            if "job_id" in reply:
                assert not refusals, "it took up telling again"
                kept.append(reply["job_id"])
            else:
                refusals.append(reply["error"]["type"])
    except (OSError, ValueError):
        pass  # nobody listens any more, or the connection broke off
    return kept, refusals
