"""What a workflow costs: Cumulus messages through three tasks each, on a real worker.

    python bench/workflows.py [--workflows 1000] [--rounds 1]

Tasks a second with all workflows submitted at once, and how much memory the daemon has
after each third of them; then the overhead of a task with messages of 50 KB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from ingest import MESSAGE, Ingest, running_ingest

TARGETS = {"tasks/s": ">= 100", "overhead of a task with 50 KB, ms": "< 10"}
PROCEDURES = """
@procedure
def noop(input, config, cumulus_config=None):
    return None
"""
LARGE_BYTES = 50_000


def chain(count: int) -> dict[str, Any]:
    """Return a workflow of so many tasks that do nothing."""
    tasks = [{"name": f"t{n}", "host": "w", "procedure": "noop"} for n in range(count)]
    return {"name": f"Chain{count}", "tasks": tasks}


def memory_mib(ingest: Ingest) -> float:
    """Return how much memory the daemon has."""
    status = Path(f"/proc/{ingest.daemon.pid}/status").read_text()
    [line] = [one for one in status.splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def tasks_per_s(ingest: Ingest, workflows: int) -> tuple[float, list[float]]:
    """Return the rate, and the memory after each third."""
    memory = []
    began_at = time.perf_counter()
    for _ in range(3):
        jobs = submit_many(ingest, "Chain3", MESSAGE, workflows // 3)
        for job in jobs:
            assert "result" in ingest.outcome(job)
        memory.append(memory_mib(ingest))
    took_s = time.perf_counter() - began_at
    return 3 * 3 * (workflows // 3) / took_s, memory


def submit_many(ingest: Ingest, name: str, message: Any, count: int) -> list[str]:
    """Submit so many on one connection; return their ids."""
    call = {
        "harpcaller": 1,
        "host": "@cumulus",
        "procedure": name,
        "arguments": {"message": message},
        "session": True,
    }
    line = json.dumps(call).encode() + b"\n"
    with ingest.daemon.connect(120) as client, client.makefile("rb") as replies:
        jobs = []
        for _ in range(count):
            client.sendall(line)
            jobs.append(json.loads(replies.readline())["job_id"])
        return jobs


def overhead_ms(ingest: Ingest) -> float:
    """Return what a task costs beside its call, the median of some workflows."""
    message = {**MESSAGE, "meta": {**MESSAGE["meta"], "x": ["y" * 90] * 500}}
    assert len(json.dumps(message)) > 0.9 * LARGE_BYTES
    costs = []
    for _ in range(40):
        began_at = time.perf_counter()
        job = ingest.submit("Chain5", message)
        ingest.outcome(job)
        took_s = time.perf_counter() - began_at
        ended = [p for p in ingest.packets(job) if p.get("event") == "ended"]
        calls_s = sum(one["ended_at"] - one["started_at"] for one in ended)
        costs.append((took_s - calls_s) / 5 * 1e3)
    return float(statistics.median(costs))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workflows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    definitions = {"Chain3": chain(3), "Chain5": chain(5)}
    for _ in range(options.rounds):
        with (
            tempfile.TemporaryDirectory() as folder,
            running_ingest(Path(folder), definitions, PROCEDURES) as ingest,
        ):
            rate, memory = tasks_per_s(ingest, options.workflows)
            told = ", ".join(f"{one:.0f}" for one in memory)
            print(f"tasks/s: {rate:.0f} ({TARGETS['tasks/s']})")
            print(f"memory after each third of them, MiB: {told}")
            name = "overhead of a task with 50 KB, ms"
            print(f"{name}: {overhead_ms(ingest):.1f} ({TARGETS[name]})")


if __name__ == "__main__":
    main()
