"""What the dispatcher keeps: memory per idle connection, disk per job, stuck readers.

python bench/footprint.py [--connections 2000] [--jobs 20000] [--stream-mb 100]

Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from calls import Client
from load import cpu_seconds
from servers import HERE, Server, ours

KIB, MIB = 1024, 1024 * 1024
SIZE = 1000  # bytes of a packet of the long stream
CALL = '{"harpcaller":1,"host":"nowhere","procedure":"noop","arguments":[1,"two"]}'


def resident_bytes(server: Server) -> int:
    """Return the memory that a server holds now."""
    pages = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def per_connection(server: Server, connections: int) -> float:
    """Return the KiB that an idle connection costs, after one request in a session."""
    hello = b'{"harpcaller":1,"hello":true}\n'
    with contextlib.ExitStack() as stack:

        def connect() -> None:
            address = ("127.0.0.1", server.port)
            sock = stack.enter_context(socket.create_connection(address))
            sock.sendall(hello)
            sock.recv(1000)

        for _ in range(200):  # what the first ones cost is not theirs
            connect()
        before = resident_bytes(server)
        for _ in range(connections):
            connect()
        return (resident_bytes(server) - before) / connections / KIB


def per_job(server: Server, folder: Path, jobs: int) -> float:
    """Return the bytes on disk of a small job that has ended."""
    before = disk_bytes(folder)
    command = [sys.executable, str(HERE / "load.py"), server.address, CALL]
    subprocess.run(
        [*command, "--connections", "16", "--depth", "16", "--count", str(jobs)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return (disk_bytes(folder) - before) / jobs


def disk_bytes(folder: Path) -> int:
    """Return the size of the tables; the log beside them is written over and over."""
    return (folder / "state" / "jobs.db").stat().st_size


def follow_seconds(server: Server, job_id: str, megabytes: int) -> float:
    """Return how long one follower takes for the whole stream."""
    client = Client(server)
    client.sock.sendall(
        b'{"harpcaller":1,"follow_stream":"%b","since":0}\n' % (job_id.encode())
    )
    started_at = time.perf_counter()
    expected, received, tail = megabytes * MIB, 0, b""
    while data := client.sock.recv(1 << 20):
        received += len(data)
        tail = (tail + data)[-200:]
        if b'{"result":' in tail:
            break
    if received < expected:
        raise RuntimeError("the stream was cut")
    return time.perf_counter() - started_at


@contextlib.contextmanager
def stuck_followers(server: Server, job_id: str) -> Iterator[None]:
    """Have 1,000 followers of a job, in the block, that read nothing."""
    request = b'{"harpcaller":1,"follow_stream":"%b","since":0}\n' % job_id.encode()
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stack.enter_context(sock)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(request)
        yield


def with_stuck(server: Server, job_id: str, megabytes: int) -> tuple[float, float]:
    """Return MiB gained by 1,000 followers that read nothing, and a healthy one's s."""
    before, busy_s = resident_bytes(server), 0.0
    with stuck_followers(server, job_id):
        while cpu_seconds(server.pid) - busy_s > 0.05:  # until all of them are stuck
            busy_s = cpu_seconds(server.pid)
            time.sleep(1)
        seconds = median_seconds(server, job_id, megabytes)
        return (resident_bytes(server) - before) / MIB, seconds


def live_seconds(server: Server, megabytes: int, *, stuck: bool) -> tuple[float, float]:
    """Return MiB gained while a stream runs, and its healthy follower's seconds.

    All followers are there before the worker begins.
    """
    # A queue holds the job until its followers are there.
    queue = {"name": {"bench": "live"}}
    client = Client(server)
    holder = client.ask(host="w", procedure="hang", arguments={}, queue=queue)
    size = {"n": megabytes * MIB // SIZE, "size": SIZE}
    call = client.ask(host="w", procedure="burst", arguments=size, queue=queue)
    before = resident_bytes(server)
    followers = stuck_followers(server, call["job_id"])
    with followers if stuck else contextlib.nullcontext():
        time.sleep(3)  # until all of them wait
        Client(server).ask(cancel=holder["job_id"])
        seconds = follow_seconds(server, call["job_id"], megabytes)
        return (resident_bytes(server) - before) / MIB, seconds


def median_seconds(server: Server, job_id: str, megabytes: int) -> float:
    """Return how long one follower takes, in the middle of three."""
    times = [follow_seconds(server, job_id, megabytes) for _ in range(3)]
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--stream-mb", type=int, default=100)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        server = stack.enter_context(ours(folder))
        idle = per_connection(server, options.connections)
        job = per_job(server, folder, options.jobs)
        are_met = [
            tell("idle connection, KiB", idle, at_most=12),
            tell("small ended job, bytes", job, at_most=600),
            *tell_ended(server, options.stream_mb),
        ]
    # A dispatcher that nothing was read from: memory that was let go of hides the next.
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        server = stack.enter_context(ours(folder))
        are_met += tell_live(server, options.stream_mb)
    sys.exit(0 if all(are_met) else 1)


def tell_ended(server: Server, megabytes: int) -> Iterator[bool]:
    """Measure stuck followers of a job that has ended; tell whether targets are met."""
    count = megabytes * MIB // SIZE
    job_id = Client(server).run("burst", n=count, size=SIZE)
    Client(server).ask(get_result=job_id)
    before = median_seconds(server, job_id, megabytes)
    gained, beside = with_stuck(server, job_id, megabytes)
    after = median_seconds(server, job_id, megabytes)
    speed = (before + after) / 2 / beside
    yield tell("1,000 stuck ones, MiB", gained, at_most=100)
    yield tell("a healthy one beside them, x as fast", speed, at_least=0.8)


def tell_live(server: Server, megabytes: int) -> Iterator[bool]:
    """Measure stuck followers of a running job; tell whether targets are met."""
    alone, before = live_seconds(server, megabytes, stuck=False)
    gained, beside = live_seconds(server, megabytes, stuck=True)
    _, after = live_seconds(server, megabytes, stuck=False)
    speed = (before + after) / 2 / beside
    print(f"a running stream alone: {before:.1f} s, {alone:.1f} MiB; {after:.1f} s")
    yield tell("1,000 stuck while it runs, MiB", gained, at_most=100)
    yield tell("a healthy one beside them, x as fast", speed, at_least=0.8)


def tell(
    name: str,
    value: float,
    *,
    at_most: float = math.inf,
    at_least: float = -math.inf,
) -> bool:
    """Print a figure and its target; tell whether it is met."""
    is_met = at_least <= value <= at_most
    target = f">= {at_least}" if at_most == math.inf else f"<= {at_most}"
    verdict = "met" if is_met else "MISSED"
    print(f"{name:38} {value:8.2f}  (target {target}: {verdict})", flush=True)
    return is_met


if __name__ == "__main__":
    main()
