"""The clients in examples/, in the languages that are there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from line_server import ACCEPTED, JOB, NEXT, LineServer, Step, packets

EXAMPLES = Path(__file__).parents[2] / "examples"
RESULT = b'{"result":{"n":2}}\n'
CALL = {
    "harpcaller": 1,
    "host": "web1",
    "procedure": "count",
    "arguments": {"n": 2, "text": 'a "b"'},
}
FOLLOW = {"harpcaller": 1, "follow_stream": JOB, "since": 0}

needs = {
    name: pytest.param(
        name,
        id=name,
        marks=pytest.mark.skipif(
            shutil.which(tool) is None, reason=f"{tool} is not installed"
        ),
    )
    for name, tool in (("call.sh", "bash"), ("call.js", "node"), ("call.pl", "perl"))
}


def run_example(name: str, server: str) -> subprocess.CompletedProcess[str]:
    """Run an example to its end."""
    return subprocess.run(
        [EXAMPLES / name, "web1", "count", '{"n":2,"text":"a \\"b\\""}'],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"HARPCALLER_SERVER": server},
    )


def script(name: str, *stream: Step) -> list[list[Step]]:
    """Return what the dispatcher answers; bash asks twice on one connection."""
    if name == "call.sh":
        return [[ACCEPTED, NEXT, *stream]]
    return [[ACCEPTED], [*stream]]


@pytest.mark.parametrize("name", needs.values())
def test_an_example_prints_the_stream_and_the_result(name: str) -> None:
    """An example that does not run teaches the wrong protocol."""
    with LineServer(*script(name, packets(0, "a", 1), 0.1, RESULT)) as server:
        done = run_example(name, server.address)

    assert done.returncode == 0, done.stderr
    assert server.requests == [CALL, FOLLOW]
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert [word in line for word, line in zip("a1n", lines, strict=True)] == [True] * 3


@pytest.mark.parametrize("name", needs.values())
def test_an_example_tells_a_bad_end_from_a_good_one(name: str) -> None:
    """What is copied from an example should not lose errors."""
    with LineServer(*script(name, b'{"cancelled":true}\n')) as server:
        assert run_example(name, server.address).returncode == 1
    with LineServer([b'{"error":{"type":"overloaded","message":"m"}}\n']) as server:
        assert run_example(name, server.address).returncode == 3
    assert run_example(name, server.address).returncode == 7


@pytest.mark.parametrize("name", [needs["call.js"], needs["call.pl"]])
def test_an_example_goes_on_where_a_stream_broke(name: str) -> None:
    """Numbered packets are there for this; the examples show how."""
    shutting_down = b'{"error":{"type":"shutting_down","message":"m"}}\n'
    streams = [[packets(0, "a"), shutting_down], [], [packets(1, "b"), RESULT]]
    with LineServer([ACCEPTED], *streams) as server:
        done = run_example(name, server.address)

    assert done.returncode == 0, done.stderr
    assert [request["since"] for request in server.requests[1:]] == [0, 1, 1]
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("name", needs)
def test_an_example_is_short(name: str) -> None:
    """Nobody reads a long one."""
    assert len((EXAMPLES / name).read_text().splitlines()) <= 60
