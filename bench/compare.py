"""What the dispatcher costs beside its peers: interleaved in one run, as ratios.

    python bench/compare.py [--rounds 5] [--only submit] [--fsync-ms 1]

Every round measures every server in turn, so that a drift of the machine's speed hits
all alike; a row gives the median rate of each, server CPU per request, and the ratio.
With --fsync-ms every sync of every server takes so much longer than this disk needs
(a C compiler has to be there).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import attrs
from calls import fsync_ms
from servers import HERE, Server, bare, beanstalkd, ours

QUEUED = (
    '{"harpcaller":1,"host":"w","procedure":"noop","arguments":[1,"two"],'
    '"queue":{"name":{"bench":"held"}}}'
)
HOLD = (
    '{"harpcaller":1,"host":"w","procedure":"hang","arguments":[],'
    '"queue":{"name":{"bench":"held"}},"max_exec_time":86400,"timeout":86400}'
)
RUN = '{"harpcaller":1,"host":"w","procedure":"noop","arguments":[]}'
PUT = "put 0 0 60 32\\r\\n" + "x" * 32 + "\\r\\n"


@attrs.frozen(kw_only=True)
class Case:
    """One way to load a server; `peers` are what ours is divided by, and the target."""

    name: str
    request: str
    count: int
    connections: int
    depth: int = 1
    per_request: bool = False
    peers: tuple[tuple[str, float], ...]

    def options(self) -> list[str]:
        """Return the load generator's options."""
        given = ["--connections", str(self.connections), "--depth", str(self.depth)]
        given += ["--count", str(self.count)]
        return given + (["--per-request"] if self.per_request else [])


CASES = (
    Case(
        name="submit, 64 kept connections",
        request=QUEUED,
        count=6400,
        connections=64,
        peers=(("beanstalkd", 1.0), ("durable", 0.6)),
    ),
    Case(
        name="submit, 16 x 16 pipelined",
        request=QUEUED,
        count=12800,
        connections=16,
        depth=16,
        peers=(("beanstalkd", 3.0), ("durable", 0.6)),
    ),
    Case(
        name="submit, a connection each",
        request=QUEUED,
        count=3200,
        connections=64,
        per_request=True,
        peers=(("durable", 0.6),),
    ),
    Case(
        name="get_status, 64 kept connections",
        request="STATUS",
        count=12800,
        connections=64,
        peers=(("echo", 0.4),),
    ),
    Case(
        name="get_status, 16 x 16 pipelined",
        request="STATUS",
        count=51200,
        connections=16,
        depth=16,
        peers=(("echo", 0.4),),
    ),
)


def load(server: Server, request: str, *options: str) -> dict[str, Any]:
    """Run the load generator once; return what it printed."""
    command = [sys.executable, str(HERE / "load.py"), server.address, request, *options]
    done = subprocess.run(
        [*command, "--pid", str(server.pid)], capture_output=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    if told["errors"]:
        raise RuntimeError(f"{told['errors']} errors from {server}")
    return told


def measure(case: Case, servers: dict[str, Server], status: str) -> dict[str, Any]:
    """Load ours and its peers once each, one after the other."""
    request = status if case.request == "STATUS" else case.request
    told = {"ours": load(servers["ours"], request, *case.options())}
    for peer, _ in case.peers:
        asked = PUT if peer == "beanstalkd" else request
        told[peer] = load(servers[peer], asked, *case.options())
    return told


def report(case: Case, rounds: list[dict[str, Any]]) -> bool:
    """Print a case's medians and ratios; tell whether all targets are met."""
    print(f"\n{case.name}")
    is_met = True
    figures = defaultdict(list)
    for told in rounds:
        for name, figure in told.items():
            figures[name].append(figure)
    for name, lot in figures.items():
        rate, p50, p99, cpu = (
            statistics.median(one[key] for one in lot)
            for key in ("rate", "p50_ms", "p99_ms", "server_us")
        )
        print(
            f"  {name:11} {rate:8.0f}/s  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms", end=""
        )
        print(f"  server {cpu:6.1f} us each")
    for peer, target in case.peers:
        ratios = [told["ours"]["rate"] / told[peer]["rate"] for told in rounds]
        ratio = statistics.median(ratios)
        is_met = is_met and ratio >= target
        verdict = "met" if ratio >= target else "MISSED"
        print(f"  ours / {peer} = {ratio:.2f}  (target {target}: {verdict})", end="")
        print(f"  [{min(ratios):.2f} .. {max(ratios):.2f}]")
    return is_met


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--fsync-ms", type=float, default=0.0)
    options = parser.parse_args()
    cases = [case for case in CASES if options.only in case.name]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        took_ms = fsync_ms(folder) + options.fsync_ms
        print(f"an fsync takes {took_ms:.2f} ms here")
        if options.fsync_ms:
            delay_syncs(folder, options.fsync_ms)
        servers = {
            "ours": stack.enter_context(ours(folder)),
            "durable": stack.enter_context(bare(folder, "durable")),
            "echo": stack.enter_context(bare(folder, "echo")),
            "beanstalkd": stack.enter_context(beanstalkd(folder)),
        }
        load(servers["ours"], HOLD, "--connections", "1", "--count", "1")
        status = '{"harpcaller":1,"get_status":"' + _ended_job(servers["ours"]) + '"}'
        rounds: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for _ in range(options.rounds):
            for case in cases:
                rounds[case.name].append(measure(case, servers, status))
    are_met = [report(case, rounds[case.name]) for case in cases]
    sys.exit(0 if all(are_met) else 1)


def delay_syncs(folder: Path, milliseconds: float) -> None:
    """Have the syncs of all that is started from now on take so much longer."""
    library = folder / "fsync.so"
    build = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "fsync.c")]
    subprocess.run(build, check=True)
    os.environ |= {"LD_PRELOAD": str(library), "BENCH_FSYNC_MS": str(milliseconds)}


def _ended_job(server: Server) -> str:
    script = (
        "from harpcaller.client import Dispatcher;"
        f"job = Dispatcher('{server.address}').call('w', 'noop', []);"
        "job.result(); print(job.id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True
    )
    return done.stdout.decode().strip()


if __name__ == "__main__":
    main()
