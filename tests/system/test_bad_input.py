"""One bad peer hurts nobody: what clients get to see while another one misbehaves."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from bombs import bombs, filled, yardstick_s
from daemon_process import DaemonProcess, running_daemon, unmeasured
from eventually import eventually
from json_lines import JsonLines
from loop_probe import LoopProbe
from practice_daemon import LOOPBACK, practice_daemon
from rude_clients import KINDS, be_rude

from protocol.errors import REQUEST_ERRORS
from protocol.examples import EXAMPLES

BOUND_S = 0.1
YARDSTICK_S = 0.11  # what it takes on the small machine that the bound is meant for
TRIES = 3
RUDE_CLIENTS = 300
RUDE_S = 5
PATIENCE_S = 5  # what a polite client has among rude ones, on a machine that is busy
LONG = b"9" * 20  # sends a line down the exact path
PROBE = b'{"harpcaller":1,"cancel":"","session":true}\n'
DAMAGED, LOT = 3000, 100
SOUND = [line.encode() for _, line in EXAMPLES]
PIECES = (b'"', b"{}", b"[", b"]", b",", b":null", b"1e999", b"-", b"\\ud800", b"\xff")
CALL = {"harpcaller": 1, "host": "worker", "procedure": "count", "session": True}
# What is measured has to run as it does for those who use it.
WITHOUT_COVERAGE = ["env", *(f"-u{name}" for name in os.environ if "COVERAGE" in name)]


@pytest.mark.timeout(180)
@pytest.mark.alone
def test_no_line_keeps_others_waiting_for_a_tenth_of_a_second(tmp_path: Path) -> None:
    """P6: whoever sends such lines hurts himself alone; keys are compared as well."""
    bound_s = BOUND_S * max(1.0, yardstick_s() / YARDSTICK_S)
    slow: dict[str, float] = {}
    with running_daemon(tmp_path, below=WITHOUT_COVERAGE) as daemon:
        probe = LoopProbe(daemon.port, daemon.pid, status_request(daemon))
        with probe.probing():
            for name, line in bombs_with_keys():
                held_s = min(held(probe, daemon, line, bound_s))
                if held_s > bound_s:
                    slow[name] = held_s

    assert slow == {}


def held(
    probe: LoopProbe, daemon: DaemonProcess, line: bytes, bound_s: float
) -> Iterator[float]:
    """Yield how long others were held up by `line`; try again if that was too long."""
    for _ in range(TRIES):
        probe.take_worst()
        with socket.create_connection((LOOPBACK, daemon.port), 20) as client:
            client.sendall(line + b"\n")
            client.shutdown(socket.SHUT_WR)
            while client.recv(2**16):
                pass
        worst_s = probe.take_worst()
        yield worst_s
        if worst_s < bound_s:
            return


def bombs_with_keys() -> Iterator[tuple[str, bytes]]:
    """Yield all bombs, and calls whose content is compared with that of others."""
    yield from bombs()
    for unit in (b"1", b"1.5", b"5e-324", b"9" * 4300, b'"\\u0061"', b"[[]]"):
        name = unit[:10].decode()
        call = b'{"harpcaller":1,"host":"h","procedure":"p","key":"%b",' % unit[:10]
        begin = call.replace(b'\\u0061"', b"") + b'"arguments":{"b":0,"a":['
        yield f"{name} with a key", filled(begin + LONG + b",", unit, b"]}}")


def status_request(daemon: DaemonProcess) -> bytes:
    """Return a small request that is always answered."""
    job = daemon.ask({"host": "h", "procedure": "p", "arguments": []})["job_id"]
    return b'{"harpcaller":1,"get_status":"%b","session":true}\n' % job.encode()


@pytest.mark.alone
async def test_three_hundred_rude_clients_disturb_nobody(tmp_path: Path) -> None:
    """P6: silence, half lines, floods and resets end where they began."""
    with practice_daemon(tmp_path, below=unmeasured()) as daemon:
        fds_before = open_files(daemon)
        async with trio.open_nursery() as nursery:
            for seed, rude in zip(range(RUDE_CLIENTS), itertools.cycle(KINDS)):
                nursery.start_soon(be_rude, rude, daemon.port, seed)
            calls = await be_polite(daemon, RUDE_S)
            nursery.cancel_scope.cancel()
        await eventually(lambda: open_files(daemon) <= fds_before + 2)
        log = daemon.log.read_text()

    assert calls > 10
    assert "crashed" not in log
    assert "Traceback" not in log


def test_every_line_has_one_answer_however_it_was_damaged(tmp_path: Path) -> None:
    """A client that counts lines must never lose its place."""
    chance = random.Random(7)  # noqa: S311 (no secret)
    kinds: set[str] = set()
    with (
        running_daemon(tmp_path) as daemon,
        daemon.connect() as client,
        client.makefile("rb") as replies,
    ):
        for _ in range(DAMAGED // LOT):
            lines = [damaged(chance, chance.choice(SOUND)) for _ in range(LOT)]
            client.sendall(b"".join(line + b"\n" + PROBE for line in lines))
            for _ in lines:
                reply = json.loads(replies.readline())
                kinds.add(reply.get("error", {}).get("type", "none"))
                assert replies.readline() == b'{"cancelled":false}\n'

    assert kinds <= {"none", *REQUEST_ERRORS}
    assert len(kinds) > 4


def damaged(chance: random.Random, line: bytes) -> bytes:
    """Return the line with some bytes changed, left out or said twice."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(2, len(line))
        end = start + chance.randrange(4)
        inserted = chance.choice(
            (b"", line[start:end] * 2, chance.choice(PIECES), chance.randbytes(1))
        )
        line = line[:start] + inserted + line[end:]
    return line.replace(b"\n", b"")


async def be_polite(daemon: DaemonProcess, for_s: float) -> int:
    """Have one call after the other made and followed; return how many."""
    stream = await trio.open_tcp_stream(LOOPBACK, daemon.port)
    calls = 0
    async with JsonLines(stream) as client:
        begun = trio.current_time()
        while trio.current_time() - begun < for_s:
            with trio.fail_after(PATIENCE_S):
                accepted = await client.ask({**CALL, "arguments": {"n": 2}})
                assert accepted is not None
                job_id = accepted["job_id"]
                await client.send(
                    {"harpcaller": 1, "follow_stream": job_id, "since": 0}
                )
                assert await client.receive() == {"packet": 0, "data": 0}
                assert await client.receive() == {"packet": 1, "data": 1}
                assert await client.receive() == {"result": 2}
            calls += 1
    return calls


def open_files(daemon: DaemonProcess) -> int:
    """Return how many files and sockets the dispatcher has open."""
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))
