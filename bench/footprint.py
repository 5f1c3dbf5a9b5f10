"""What the dispatcher keeps: memory per idle connection, disk per job, stuck readers.

python bench/footprint.py [--connections 2000] [--jobs 20000] [--stream-mb 100]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
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


def with_stuck(server: Server, job_id: str, megabytes: int) -> tuple[float, float]:
    """Return MiB gained by 1,000 followers that read nothing, and a healthy one's s."""
    before, busy_s = resident_bytes(server), 0.0
    request = b'{"harpcaller":1,"follow_stream":"%b","since":0}\n' % job_id.encode()
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stack.enter_context(sock)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(request)
        while cpu_seconds(server.pid) - busy_s > 0.05:  # until all of them are stuck
            busy_s = cpu_seconds(server.pid)
            time.sleep(1)
        seconds = median_seconds(server, job_id, megabytes)
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
        print(f"idle connection   {idle:8.1f} KiB   (target <= 12)")
        job = per_job(server, folder, options.jobs)
        print(f"small ended job   {job:8.0f} bytes (target <= 600)")
        count = options.stream_mb * MIB // SIZE
        job_id = Client(server).run("burst", n=count, size=SIZE)
        Client(server).ask(get_result=job_id)
        before = median_seconds(server, job_id, options.stream_mb)
        gained, beside = with_stuck(server, job_id, options.stream_mb)
        after = median_seconds(server, job_id, options.stream_mb)
        speed = (before + after) / 2 / beside
        print(f"1,000 stuck ones  {gained:8.1f} MiB   (target <= 100)")
        print(f"a healthy one beside them {speed:.2f} x as fast as alone (>= 0.8)")


if __name__ == "__main__":
    main()
