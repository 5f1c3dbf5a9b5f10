"""Calls from submission to result, and streams to their followers.

    python bench/calls.py [--rounds 5]

Everything goes through the dispatcher to the bench's own TLS worker over kept
connections. Prints each figure's median over the rounds and its target; exits with 1
if one is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from load import cpu_seconds
from servers import Server, ours

PACKETS = 60_000
SIZE = 40
CALLS = 1500
AT_LEAST = {
    "calls/s, 16 clients": 600.0,
    "packets/s, 1 follower": 30_000.0,
    "deliveries/s, 10 followers": 100_000.0,
}


class Client:
    """One connection that asks and reads lines."""

    def __init__(self, server: Server) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its reply, one line."""
        self.sock.sendall(json.dumps({"harpcaller": 1, **request}).encode() + b"\n")
        reply: dict[str, Any] = json.loads(self.file.readline())
        return reply

    def run(self, procedure: str, **arguments: Any) -> str:
        """Submit a call; return the job's id."""
        reply = self.ask(host="w", procedure=procedure, arguments=arguments)
        return str(reply["job_id"])

    def call(self) -> None:
        """Call `noop` and wait for its result."""
        job_id = self.run("noop")
        reply = self.ask(get_result=job_id)
        if reply != {"result": None}:
            raise RuntimeError(f"{reply}")


def call_alone(server: Server) -> float:
    """Return the median milliseconds of a call, submit to result, with one client."""
    client = Client(server)
    took = []
    for _ in range(200):
        started_at = time.perf_counter()
        client.call()
        took.append(time.perf_counter() - started_at)
    return statistics.median(took) * 1e3


def call_together(server: Server, clients: int = 16) -> tuple[float, float]:
    """Return calls per second, submit to result, and server CPU in us each."""
    script = [sys.executable, __file__, "--client", str(server.port)]
    counts = [str(CALLS // clients)]
    before_s, started_at = cpu_seconds(server.pid), time.perf_counter()
    running = [subprocess.Popen([*script, str(clients), *counts])]
    for process in running:
        if process.wait():
            raise RuntimeError("a client failed")
    seconds = time.perf_counter() - started_at
    done = CALLS // clients * clients
    return done / seconds, (cpu_seconds(server.pid) - before_s) * 1e6 / done


def run_clients(port: int, clients: int, count: int) -> None:
    """Be `clients` clients that call `count` times each."""

    def work() -> None:
        client = Client(Server(port, 0))
        for _ in range(count):
            client.call()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def follow(server: Server, followers: int) -> tuple[float, float]:
    """Return packets per second, all followers together, and server CPU in us each."""
    job_id = Client(server).run("burst", n=PACKETS, size=SIZE)
    before_s, started_at = cpu_seconds(server.pid), time.perf_counter()
    request = json.dumps({"harpcaller": 1, "follow_stream": job_id, "since": 0})
    reading = [
        subprocess.Popen(
            [sys.executable, __file__, "--follower", str(server.port), request]
        )
        for _ in range(followers)
    ]
    for process in reading:
        if process.wait():
            raise RuntimeError("a follower missed packets")
    seconds = time.perf_counter() - started_at
    used_us = (cpu_seconds(server.pid) - before_s) * 1e6
    delivered = PACKETS * followers
    return delivered / seconds, used_us / delivered


def run_follower(port: int, request: str) -> None:
    """Read a stream to its end; fail unless each packet came once."""
    client = Client(Server(port, 0))
    client.sock.sendall(request.encode() + b"\n")
    count, rest = 0, b""
    while data := client.sock.recv(1 << 18):
        count += data.count(b"\n")
        rest = (rest + data)[-200:]
        if rest.endswith(b'{"result":%d}\n' % PACKETS):
            break
    sys.exit(0 if count == PACKETS + 1 else 1)


def fsync_ms(folder: Path) -> float:
    """Return the median milliseconds of an fsync after a small write."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            started_at = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started_at)
    return statistics.median(took) * 1e3


def main() -> None:
    """Measure all of it, in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--client", nargs=3, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--follower", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        run_clients(*options.client)
        return
    if options.follower:
        run_follower(int(options.follower[0]), options.follower[1])
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        server = stack.enter_context(ours(folder))
        figures = [measure(server, folder) for _ in range(options.rounds)]
    sys.exit(0 if report(figures) else 1)


def report(figures: list[dict[str, float]]) -> bool:
    """Print the medians; tell whether all targets are met."""
    middle = {
        name: statistics.median(one[name] for one in figures) for name in figures[0]
    }
    at_most = {"p50 of a call alone, ms": 4 + 2 * middle["fsync, ms"]}
    is_met = True
    for name, value in middle.items():
        target = ""
        if name in AT_LEAST or name in at_most:
            sign = ">=" if name in AT_LEAST else "<="
            wanted = AT_LEAST[name] if name in AT_LEAST else at_most[name]
            is_good = value >= wanted if name in AT_LEAST else value <= wanted
            is_met = is_met and is_good
            verdict = "met" if is_good else "MISSED"
            target = f"  (target {sign} {wanted:g}: {verdict})"
        print(f"{name:32} {value:10.1f}{target}")
    return is_met


def measure(server: Server, folder: Path) -> dict[str, float]:
    """Return one round's figures."""
    one, one_us = follow(server, 1)
    ten, ten_us = follow(server, 10)
    calls, call_us = call_together(server)
    return {
        "fsync, ms": fsync_ms(folder),
        "p50 of a call alone, ms": call_alone(server),
        "calls/s, 16 clients": calls,
        "server us per call": call_us,
        "packets/s, 1 follower": one,
        "server us per packet": one_us,
        "deliveries/s, 10 followers": ten,
        "server us per delivery": ten_us,
    }


if __name__ == "__main__":
    main()
