"""What an administrator does costs no more where very many jobs are stored."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from daemon_process import prepared_daemon, unmeasured
from loop_probe import LoopProbe
from many_jobs import fill
from torment import campaign

from indira.client import AdminClient

FULL = 1_000_000
PRUNED_AGE_S = 86_400
READY_S, PAGE_S, INFO_S, STALL_S = 5.0, 0.1, 0.01, 0.1
MAX_RSS_KIB = 300 * 1024


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.alone
def test_a_million_jobs_hold_nobody_up(tmp_path: Path) -> None:
    """Start, list, info and pruning, each within its figure."""
    daemon = prepared_daemon(tmp_path, below=unmeasured())
    ids = fill(daemon.state_dir, campaign(FULL))
    begun = time.perf_counter()
    daemon.start()
    ready_s = time.perf_counter() - begun
    try:
        with AdminClient(daemon.admin_socket, timeout_s=300) as admin:
            page_s = timed(admin, "list_jobs", list_all=True)
            chosen = ids[:: len(ids) // 1000][:1000]
            infos = sorted(timed(admin, "job_info", job=job_id) for job_id in chosen)
            begin_s = timed(admin, "job_info", job=chosen[0][:18])
            part_s = timed(admin, "job_info", job=chosen[0][9:])
            request = b'{"harpcaller":1,"get_status":"%b"}\n' % ids[-1].encode()
            probe = LoopProbe(daemon.port, daemon.pid, request)
            with probe.probing():
                prune_s = timed(admin, "prune_jobs", max_age=PRUNED_AGE_S)
                stall_s = probe.take_worst()
        rss_kib = peak_rss_kib(daemon.pid)
    finally:
        daemon.kill()

    sys.stdout.write(
        f"{len(ids)} jobs: ready {ready_s:.2f} s, first page {page_s * 1e3:.1f} ms,"
        f" info p99 {infos[989] * 1e3:.2f} ms, by a beginning {begin_s * 1e3:.1f} ms,"
        f" by a part {part_s * 1e3:.0f} ms,"
        f" half pruned in {prune_s:.1f} s, worst stall {stall_s * 1e3:.1f} ms,"
        f" peak RSS {rss_kib // 1024} MiB\n"
    )
    assert ready_s < READY_S
    assert page_s < PAGE_S
    assert infos[989] < INFO_S
    assert begin_s < PAGE_S
    assert stall_s < STALL_S
    assert rss_kib < MAX_RSS_KIB


def timed(admin: AdminClient, command: str, **arguments: object) -> float:
    """Return how long a command took, that was done."""
    begun = time.perf_counter()
    assert admin.send(command, **arguments)["result"] == "ok"
    return time.perf_counter() - begun


def peak_rss_kib(pid: int) -> int:
    """Return the most memory that a process had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
