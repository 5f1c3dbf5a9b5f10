"""What was told by a process that was killed is there for the next one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import attrs
import pytest
from store_engines import HandClock
from stored import log_of, record_of

from harpcaller.store import Store
from harpcaller.store.sqlite import SqliteStore
from protocol.job import JobId, State
from protocol.outcome import Cancelled, Failed, outcome_text

SHARE = float(os.environ.get("HARPCALLER_CAMPAIGN", "0.1"))
KILLS = max(5, round(100 * SHARE))
ROOT = Path(__file__).parent.parent
WRITER = ROOT / "support" / "telling_writer.py"


@attrs.define
class Told:
    """Everything that was told, by all processes so far."""

    queues: dict[JobId, str] = attrs.field(factory=dict)
    packets: dict[JobId, int] = attrs.field(factory=lambda: defaultdict(int))
    starts: dict[JobId, list[int]] = attrs.field(factory=lambda: defaultdict(list))
    outcomes: dict[JobId, str] = attrs.field(factory=dict)
    wished: set[JobId] = attrs.field(factory=set)
    started: list[JobId] = attrs.field(factory=list)

    def hear(self, line: str) -> None:
        """Remember a fact."""
        word, id_, *more = line.split(" ", 2)
        job_id = JobId(id_)
        match word:
            case "submitted":
                self.queues[job_id] = more[0]
            case "packets":
                self.packets[job_id] = int(more[0])
            case "started":
                self.starts[job_id].append(int(more[0]))
                self.started.append(job_id)
            case "ended":
                assert job_id not in self.outcomes
                self.outcomes[job_id] = more[0]
            case "wished":
                self.wished.add(job_id)
            case _:
                raise AssertionError(line)


def write_until_killed(directory: Path, seed: int, told: Told) -> None:
    """Start a writer and kill it, some time after it has begun to tell."""
    path = os.pathsep.join([str(ROOT.parent), str(ROOT / "support")])
    writer = subprocess.Popen(
        [sys.executable, WRITER, directory, str(seed)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline()]
    time.sleep(random.Random(seed).random() * 0.3)  # noqa: S311 (when to kill)
    writer.kill()
    lines += writer.stdout.read().splitlines(keepends=True)
    writer.stdout.close()
    writer.wait()
    for line in lines:
        told.hear(line.decode().removesuffix("\n"))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_nothing_that_was_told_is_lost_by_a_kill(tmp_path: Path) -> None:
    """P1-P4 for the store: jobs, packets, outcomes, starts, wishes."""
    told = Told()
    for seed in range(KILLS):
        write_until_killed(tmp_path, seed, told)

        store = SqliteStore(tmp_path, reserve_bytes=0, clock=HandClock())
        await store.open("test", 0, 10**6)
        await check_jobs(store, told)
        assert list(await store.check()) == []
        await store.close()

    assert len(told.outcomes) > 10 * KILLS


async def check_jobs(store: Store, told: Told) -> None:
    """Compare what the store holds with what was told."""
    for job_id in told.queues.keys() | told.outcomes.keys():
        record = await record_of(store, job_id)
        assert record.packets >= told.packets[job_id]
        log = await log_of(store, job_id)
        assert log == [str(n).encode() for n in range(record.packets)]
        starts = told.starts[job_id]
        assert starts == sorted(set(starts))
        assert record.starts <= 1 + record.retries
        if job_id in told.outcomes:
            assert record.outcome is not None
            assert outcome_text(record.outcome).decode() == told.outcomes[job_id]
        elif record.state is State.ENDED:
            # It ended untold, or was lost; a wish that was told is kept.
            assert record.outcome is not None
            is_lost = isinstance(record.outcome, Failed)
            assert not (is_lost and job_id in told.wished)
            told.outcomes[job_id] = outcome_text(record.outcome).decode()
        elif job_id in told.wished:
            assert record.outcome == Cancelled()
