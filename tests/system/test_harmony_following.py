"""A Harmony service that runs: signs of life, and an end that nobody holds up."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from harmony_worker import PLAIN

from harpcaller.worker.harmony.following import alive_while, follow
from harpcaller.worker.harmony.hiding import Hiding
from harpcaller.worker.harmony.loglines import LogLines


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; it ends when its input does."""
    with subprocess.Popen(
        [*PLAIN, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def followed(
    process: subprocess.Popen[bytes], alive_s: float, most: int = 100
) -> Iterator[dict[str, Any]]:
    """Return the packets of a process."""
    return follow(process, LogLines(Hiding(()), most), alive_s)


def test_a_silent_service_gives_signs_of_life() -> None:
    """Its dispatcher takes silence for death."""
    with running("input()") as process:
        packets = followed(process, 0.01)

        signs = [next(packets) for _ in range(3)]
        assert process.stdin is not None
        process.stdin.write(b"\n")
        rest = [*packets]

    assert all([*packet] == ["alive"] for packet in [*signs, *rest])


def test_a_talkative_service_gives_them_too() -> None:
    """Lines may be left out, and then there would be none."""
    code = "import sys\nwhile sys.stdin: print('x' * 1000)"
    with running(code) as process:
        packets = followed(process, 0.01, most=1)

        assert next(packet for packet in packets if "log" in packet)
        assert next(packet for packet in packets if "alive" in packet)
        process.kill()
        rest = [*packets]

    assert rest[-1].keys() == {"log", "lines"}
    assert rest[-1]["log"] == "omitted"


def test_all_that_was_written_is_told() -> None:
    """Also what is still in the pipes when it has ended."""
    code = "import sys\nfor n in range(9000): print(n)\nsys.stderr.write('no line end')"
    with running(code) as process:
        found = [*followed(process, 60, most=10_000)]

    numbers = [packet["line"] for packet in found if packet["log"] == "stdout"]
    assert numbers == [str(n) for n in range(9000)]
    assert {"log": "stderr", "line": "no line end"} in found


@pytest.mark.parametrize("child", ["input()", "while True: print('x' * 1000)"])
def test_who_holds_the_pipes_is_not_waited_for(child: str) -> None:
    """A descendant that stays is ended next, however much it says."""
    code = (
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {child!r}])"
    )
    with running(code) as process:
        found = [*followed(process, 60, most=1)]

    assert process.returncode == 0
    assert all(packet.get("line", "x" * 1000) == "x" * 1000 for packet in found)


def test_what_takes_its_time_gives_signs_of_life() -> None:
    """A place that is slow to be read is no death either."""
    may_end = threading.Event()
    packets = alive_while(may_end.wait, 0.01)

    signs = [next(packets) for _ in range(3)]
    may_end.set()
    rest = [*packets]

    assert all([*packet] == ["alive"] for packet in [*signs, *rest])
