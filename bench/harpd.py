"""What a call costs our own worker daemon, each a process of its own.

    python bench/harpd.py [--rounds 5]

Through the dispatcher over kept TLS connections, and straight to harpd; beside them,
in the same round, what a fork of a loaded child costs, and a start of the interpreter.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from calls import CALLS, call_alone, call_together
from load import cpu_seconds
from servers import Server, dispatcher, harpd, make_certificates

from protocol.harp import ALPN_PROTOCOL

TIMES = 200
ANSWER = b'{"harp":1,"stream_result":false}\n{"result":null}\n'
CALL = (
    b'{"harp":1,"procedure":"noop","arguments":[],"auth":{"user":"u","password":"p"}}\n'
)
TARGETS = {"calls/s, 16 clients": ">= 300", "p50 of a call alone, ms": "< 20"}
# A child like those of a warm parent: our worker's modules loaded, the pages shared.
FORKS = """
import gc, os, sys, time
import harpcaller.worker.parent
gc.collect(); gc.freeze(); gc.disable()
for _ in range(int(sys.argv[1])):
    began = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    print(time.perf_counter() - began)
"""


def median_ms(times: list[float]) -> float:
    """Return the middle of seconds, in milliseconds."""
    return statistics.median(times) * 1e3


def timed(act: Callable[[], object], count: int) -> list[float]:
    """Return how many seconds each of `count` times takes."""
    times = []
    for _ in range(count):
        began_at = time.perf_counter()
        act()
        times.append(time.perf_counter() - began_at)
    return times


def straight_ms(worker: Server, folder: Path) -> float:
    """Return the median of a call over a kept TLS connection to harpd itself."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.set_alpn_protocols([ALPN_PROTOCOL])
    with (
        socket.create_connection(("127.0.0.1", worker.port)) as transport,
        context.wrap_socket(transport, server_hostname="127.0.0.1") as connection,
    ):

        def call() -> None:
            connection.sendall(CALL)
            said = b""
            while len(said) < len(ANSWER):
                said += connection.recv(1000)
            if said != ANSWER:
                raise RuntimeError(f"{said!r}")

        call()
        return median_ms(timed(call, TIMES))


def fork_ms() -> float:
    """Return the median of a fork of a loaded child and its end."""
    command = [sys.executable, "-c", FORKS, str(TIMES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return median_ms([float(line) for line in done.stdout.split()])


def interpreter_ms() -> float:
    """Return the median of a start of the interpreter that does nothing."""
    command = [sys.executable, "-c", "pass"]
    return median_ms(timed(lambda: subprocess.run(command, check=True), 20))


def measure(server: Server, worker: Server, folder: Path) -> dict[str, float]:
    """Return one round's figures."""
    before_s = cpu_seconds(worker.pid)
    together, _ = call_together(server)
    used_s = cpu_seconds(worker.pid) - before_s
    return {
        "calls/s, 16 clients": together,
        "harpd CPU per call, ms": used_s / CALLS * 1e3,
        "p50 of a call alone, ms": call_alone(server),
        "p50 straight to harpd, ms": straight_ms(worker, folder),
        "fork of a loaded child, ms": fork_ms(),
        "interpreter start, ms": interpreter_ms(),
    }


def main() -> None:
    """Measure all of it, in turn, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        make_certificates(folder)
        worker = stack.enter_context(harpd(folder))
        server = stack.enter_context(dispatcher(folder, worker))
        rounds = [measure(server, worker, folder) for _ in range(options.rounds)]
    for name in rounds[0]:
        value = statistics.median(one[name] for one in rounds)
        target = f"  (target {TARGETS[name]})" if name in TARGETS else ""
        print(f"{name:28} {value:8.2f}{target}")
    print(f"of {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
