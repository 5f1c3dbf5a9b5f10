"""What harpd's administrator asks, by its verbs, of a worker that runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from eventually import eventually
from harp_peer import a_call, a_harp_call, connect, outcome_of, read_all
from harpd_process import Harpd, running_harpd

from harpcaller import __version__
from protocol.harp import request
from protocol.job import JobId
from protocol.outcome import Raised

PROCEDURES = """
    from harpcaller.worker.local import *

    @streaming_procedure
    def flood():
        while True:
            yield "x" * 100_000
"""
JOB = JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d11")


@pytest.fixture
def harpd(tmp_path: Path) -> Iterator[Harpd]:
    """Run a worker that speaks the extension."""
    with running_harpd(tmp_path, PROCEDURES, "--harp2") as worker:
        yield worker


async def asked(worker: Harpd, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one verb to its end, while connections live."""
    return await trio.to_thread.run_sync(worker.verb, *words)


def rows(worker: Harpd) -> list[Any]:
    """Return the calls that run, as `harpd calls` lists them."""
    return [json.loads(line) for line in worker.verb("calls").stdout.splitlines()]


def test_status_tells_where_it_listens(harpd: Harpd) -> None:
    """A script looks at the code, a person at the rest."""
    done = harpd.verb("status", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "result": "running",
        "pid": harpd.process.pid,
        "version": __version__,
        "listen": [f"unix:{harpd.path}"],
        "calls": 0,
    }


def test_stop_waits_until_it_is_gone(harpd: Harpd) -> None:
    """What follows in a script finds the address free."""
    done = harpd.verb("stop", "--print-pid")

    assert done.stdout == f"{harpd.process.pid}\n"
    assert harpd.process.wait(5) == 0
    assert harpd.verb("status").returncode == 3
    assert harpd.verb("calls").returncode == 3
    assert not harpd.admin.exists()


async def test_calls_are_listed_while_they_run(harpd: Harpd) -> None:
    """Who makes this machine busy, and since when: without any argument."""
    call = attrs.evolve(a_harp_call("sleep", 600), job_id=JOB, fence=1)
    async with connect(harpd.path) as stream:
        await stream.send_all(request(call))
        await eventually(lambda: bool(rows(harpd)))
        [row] = rows(harpd)
    await eventually(lambda: not rows(harpd))

    assert row.pop("since") > 1e9
    assert row == {
        "call": 1,
        "procedure": "sleep",
        "user": "user",
        "peer": "unix",
        "job_id": JOB,
        "state": "running",
    }


@pytest.mark.parametrize("name", ["1", JOB])
async def test_a_killed_call_is_told_so(harpd: Harpd, name: str) -> None:
    """Its dispatcher hears a typed end, and the connection serves the next call."""
    call = attrs.evolve(a_harp_call("sleep", 600), job_id=JOB, fence=1)
    async with connect(harpd.path) as stream, trio.open_nursery() as nursery:

        async def kill() -> None:
            await eventually(lambda: bool(rows(harpd)))
            assert (await asked(harpd, "kill", name)).returncode == 0

        nursery.start_soon(kill)
        outcome = await outcome_of(stream, request(call))
        after = await outcome_of(stream, a_call("ping"))

    assert isinstance(outcome, Raised)
    assert outcome.type == "Killed"
    assert not isinstance(after, Raised)


async def test_a_call_whose_peer_takes_nothing_is_killed_too(harpd: Harpd) -> None:
    """Half a line is no place for another: the connection is closed instead."""
    async with connect(harpd.path) as stream:
        await stream.send_all(a_call("flood"))
        await eventually(lambda: bool(rows(harpd)))
        await asked(harpd, "kill", "1")
        with trio.fail_after(60):
            said = await read_all(stream)

    assert said.endswith(b"x")


def test_a_call_that_does_not_run_cannot_be_killed(harpd: Harpd) -> None:
    """The number may be of yesterday."""
    done = harpd.verb("kill", "17")

    assert done.returncode == 1
    assert done.stderr == 'harpd: no call "17" runs\n'
