"""What an update of a monitored workflow costs beside a bare route, in one run.

    python bench/updates.py [--rounds 5]

Each round loads both servers in turn, with a connection for each update and with kept
ones. Prints medians: updates a second, server CPU per update, and the ratio of the
CPU. The state directory is in memory: what a disk takes is no CPU, and the commit
itself is part of our figure. Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import attrs
from load import cpu_seconds
from servers import Server, bare_http, http_of, ours

CONNECTIONS = 16  # each with a workflow of its own: one may get 200 updates a second
UPDATES = 2000
AT_MOST = 2.0
CONFIG = '[http]\nlisten = "127.0.0.1:0"\n[adapters.panoptes]\n'
MESSAGE = {"level": "job_info", "name": "a step", "input": ["a"], "output": ["b"]}


@attrs.frozen
class Cost:
    """Of one update."""

    a_second: float
    cpu_us: float


def create(port: int) -> str:
    """Return the id of a new workflow."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/m1/workflow/create/", "{}")
    reply = json.loads(connection.getresponse().read())
    connection.close()
    return str(reply["id"])


def update(port: int, workflow: str, count: int, *, keeps: bool) -> None:
    """Be one client that sends so many updates."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(count):
        body = {"id": workflow, "message": {**MESSAGE, "jobid": number}}
        connection.request("POST", "/m1/workflow/update/", json.dumps(body))
        response = connection.getresponse()
        response.read()
        if response.status != 202:
            raise RuntimeError(f"an update was answered by {response.status}")
        if not keeps:
            connection.close()  # the next request opens a new one


def run_clients(port: int, workflows: list[str], *, keeps: bool) -> None:
    """Be all of the clients."""
    count = UPDATES // CONNECTIONS
    threads = [
        threading.Thread(
            target=update, args=(port, workflow, count), kwargs={"keeps": keeps}
        )
        for workflow in workflows
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def load(server: Server, workflows: list[str], *, keeps: bool) -> Cost:
    """Return what an update cost a server."""
    words = ["--client", str(server.port), *(["--keeps"] if keeps else [])]
    before_s, started_at = cpu_seconds(server.pid), time.perf_counter()
    subprocess.run(
        [sys.executable, __file__, *words, "--workflows", *workflows], check=True
    )
    seconds = time.perf_counter() - started_at
    used_us = (cpu_seconds(server.pid) - before_s) * 1e6
    return Cost(UPDATES / seconds, used_us / UPDATES)


def main() -> None:
    """Measure both, in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--keeps", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--workflows", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        run_clients(options.client, options.workflows, keeps=options.keeps)
        return
    with contextlib.ExitStack() as stack:
        memory = stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
        web = http_of(stack.enter_context(ours(Path(memory), CONFIG)), Path(memory))
        bare = stack.enter_context(bare_http())
        is_met = [
            compare(web, bare, options.rounds, keeps=one) for one in (True, False)
        ]
    sys.exit(0 if all(is_met) else 1)


def compare(web: Server, bare: Server, rounds: int, *, keeps: bool) -> bool:
    """Print the medians; tell whether the target is met."""
    workflows = [create(web.port) for _ in range(CONNECTIONS)]
    for server in (web, bare):
        load(server, workflows, keeps=keeps)  # until everything has been used once
    told = [
        (load(web, workflows, keeps=keeps), load(bare, workflows, keeps=keeps))
        for _ in range(rounds)
    ]
    kind = "kept connections" if keeps else "new connections"
    for name, number in (("ours", 0), ("bare", 1)):
        rate = statistics.median(one[number].a_second for one in told)
        used_us = statistics.median(one[number].cpu_us for one in told)
        print(f"{kind:17} {name} {rate:8.0f} updates/s {used_us:6.0f} us each")
    ratio = statistics.median(mine.cpu_us / theirs.cpu_us for mine, theirs in told)
    verdict = "met" if ratio <= AT_MOST else "MISSED"
    print(f"{kind:17} CPU, ours / bare {ratio:.2f}  (target <= {AT_MOST:g}: {verdict})")
    return ratio <= AT_MOST


if __name__ == "__main__":
    main()
