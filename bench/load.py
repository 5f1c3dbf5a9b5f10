"""A load generator for line protocols: one request line, one reply line.

Prints one JSON object: rate (requests/s), p50_ms and p99_ms (of a batch of `depth`
requests), errors (replies that tell one), server_us (CPU of the server process per
request, user and system), where its pid was given.

    python bench/load.py 127.0.0.1:3502 '{"harpcaller":1,"host":"localhost",
        "procedure":"ping","arguments":[]}' --connections 64 --depth 1 --count 20000
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
GIVE_UP_S = 60.0
# Ours, and beanstalkd's.
BAD = (b'"error"', b"EXPECTED_CRLF", b"UNKNOWN_COMMAND", b"BAD_FORMAT")


class Load:
    """A closed loop: each connection has `depth` requests under way, until the end."""

    def __init__(self, options: argparse.Namespace) -> None:
        host, _, port = options.address.rpartition(":")
        self.address = (host, int(port))
        self.depth = options.depth
        self.per_request = options.per_request
        request = options.request.replace("\\r\\n", "\r\n").removesuffix("\n")
        self.batch = (request + "\n").encode() * options.depth
        self.left = options.count // options.depth
        self.done = 0
        self.errors = 0
        self.latencies: list[float] = []
        self.selector = selectors.DefaultSelector()

    def run(self, connections: int) -> float:
        """Send everything; return the seconds it took."""
        for _ in range(min(connections, self.left)):
            self.left -= 1
            self.begin(self.connect())
        started_at = time.perf_counter()
        expected = self.done + self.left + len(self.selector.get_map())
        while self.done < expected:
            if time.perf_counter() - started_at > GIVE_UP_S:
                raise TimeoutError("the server does not answer any more")
            for key, _ in self.selector.select(1):
                self.receive(key)
        return time.perf_counter() - started_at

    def connect(self) -> socket.socket:
        """Return a new connection."""
        sock = socket.create_connection(self.address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def begin(self, sock: socket.socket, asked_at: float | None = None) -> None:
        """Send one batch."""
        asked_at = asked_at or time.perf_counter()
        sock.sendall(self.batch)
        state = [asked_at, 0]
        try:
            self.selector.modify(sock, selectors.EVENT_READ, state)
        except KeyError:
            self.selector.register(sock, selectors.EVENT_READ, state)

    def receive(self, key: selectors.SelectorKey) -> None:
        """Count replies; a full batch is followed by the next one."""
        sock, state = key.fileobj, key.data
        assert isinstance(sock, socket.socket)
        data = sock.recv(256 * 1024)
        if not data:
            raise ConnectionError("the server closed the connection")
        state[1] += data.count(b"\n")
        self.errors += sum(map(data.count, BAD))
        if state[1] < self.depth:
            return
        self.latencies.append(time.perf_counter() - state[0])
        self.done += 1
        if self.per_request or not self.left:
            self.selector.unregister(sock)
            sock.close()
        if not self.left:
            return
        self.left -= 1
        now = time.perf_counter()
        self.begin(self.connect() if self.per_request else sock, now)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    """Run one load and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("request")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--per-request", action="store_true", help="connect each time")
    parser.add_argument("--pid", type=int, help="of the server, for its CPU time")
    options = parser.parse_args()
    load = Load(options)
    before_s = cpu_seconds(options.pid) if options.pid else 0.0
    seconds = load.run(options.connections)
    requests = load.done * options.depth
    latencies = sorted(load.latencies)
    told = {
        "rate": round(requests / seconds),
        "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1e3, 2),
        "errors": load.errors,
    }
    if options.pid:
        used_s = cpu_seconds(options.pid) - before_s
        told["server_us"] = round(used_s / requests * 1e6, 1)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
