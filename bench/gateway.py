"""What the HTTP gateway costs beside a bare route, interleaved in one run.

    python bench/gateway.py [--rounds 5]

Each round loads both servers in turn, so that a drift of the machine's speed hits both
alike. Prints medians: requests a second, server CPU per request, and the ratio of the
rates; then what a packet costs that goes to 50 followers as an event. Exits with 1 if a
target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from calls import Client
from load import cpu_seconds
from servers import Server, bare_http, http_of, ours

CONNECTIONS = 16
REQUESTS = 4000
FOLLOWERS = 50
PACKETS = 10_000
SIZE = 40
AT_LEAST = 0.7
HTTP = '[http]\nlisten = "127.0.0.1:0"\n'
_LENGTH = re.compile(rb"content-length: ([0-9]+)", re.IGNORECASE)


def ask_often(port: int, path: str, count: int) -> None:
    """Be one client that asks the same again and again on one connection."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        data = b""
        for _ in range(count):
            sock.sendall(request)
            while b"\r\n\r\n" not in data:
                data += sock.recv(65536)
            head, _, data = data.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            assert head.startswith(b"HTTP/1.1 200 "), head
            assert found is not None
            size = int(found[1])
            while len(data) < size:
                data += sock.recv(65536)
            data = data[size:]


def load(server: Server, path: str) -> tuple[float, float]:
    """Return requests a second, and server CPU in us for each."""
    before_s, started_at = cpu_seconds(server.pid), time.perf_counter()
    subprocess.run(
        [sys.executable, __file__, "--client", str(server.port), path], check=True
    )
    seconds = time.perf_counter() - started_at
    used_us = (cpu_seconds(server.pid) - before_s) * 1e6
    return REQUESTS / seconds, used_us / REQUESTS


def run_clients(port: int, path: str) -> None:
    """Be all of the clients."""
    count = REQUESTS // CONNECTIONS
    threads = [
        threading.Thread(target=ask_often, args=(port, path, count))
        for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def follow(lines: Server, web: Server) -> float:
    """Return server CPU in us for each event; fail if one is missed."""
    job_id = Client(lines).run("burst", n=PACKETS, size=SIZE)
    path = f"/v1/jobs/{job_id}/stream?since=0"
    before_s = cpu_seconds(web.pid)
    subprocess.run(
        [sys.executable, __file__, "--followers", str(web.port), path], check=True
    )
    used_us = (cpu_seconds(web.pid) - before_s) * 1e6
    return used_us / (PACKETS * FOLLOWERS)


def run_followers(port: int, path: str) -> None:
    """Be all of the followers."""
    counts: list[int] = []

    def read() -> None:
        count, rest = 0, b""
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while b"event: end" not in rest and (data := sock.recv(1 << 18)):
                rest = rest[-8:] + data
                count += rest.count(b"\nid: ") - rest[:8].count(b"\nid: ")
        counts.append(count)

    threads = [threading.Thread(target=read) for _ in range(FOLLOWERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if counts != [PACKETS] * FOLLOWERS:
        raise RuntimeError(f"a follower missed packets: {sorted(counts)[:3]}")


def main() -> None:
    """Measure all of it, in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--followers", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        run_clients(int(options.client[0]), options.client[1])
        return
    if options.followers:
        run_followers(int(options.followers[0]), options.followers[1])
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        lines = stack.enter_context(ours(folder, HTTP))
        is_met = compare(lines, http_of(lines, folder), options.rounds)
    sys.exit(0 if is_met else 1)


def compare(lines: Server, web: Server, rounds: int) -> bool:
    """Print the medians; tell whether the target is met."""
    job_id = Client(lines).run("noop")
    path = f"/v1/jobs/{job_id}"
    with bare_http() as bare:
        for server in (web, bare):
            load(server, path)  # until everything has been used once
        told = [(load(web, path), load(bare, path)) for _ in range(rounds)]
    events_us = [follow(lines, web) for _ in range(min(3, rounds))]
    for name, number in (("ours", 0), ("bare", 1)):
        rate = statistics.median(one[number][0] for one in told)
        used_us = statistics.median(one[number][1] for one in told)
        print(f"GET {'status':10} {name} {rate:8.0f} requests/s {used_us:6.0f} us each")
    ratio = statistics.median(mine[0] / theirs[0] for mine, theirs in told)
    verdict = "met" if ratio >= AT_LEAST else "MISSED"
    print(f"ours / bare        {ratio:8.2f}  (target >= {AT_LEAST:g}: {verdict})")
    print(
        f"an event, {FOLLOWERS} followers {statistics.median(events_us):6.2f} us each"
    )
    return ratio >= AT_LEAST


if __name__ == "__main__":
    main()
