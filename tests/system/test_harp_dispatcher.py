"""The client and `harp` against the real dispatcher and the real worker."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, running_daemon
from harp_command import run_harp
from harpd_process import running_harpd

from harpcaller.client import (
    CallError,
    Cancelled,
    Dispatcher,
    Job,
    NoSuchJob,
    NotFinished,
    RemoteException,
    RequestRefused,
)

PROCEDURES = "from harpcaller.worker.local import *"
EXAMPLES = Path(__file__).parents[2] / "examples"
NO_JOB = "6f1ed002-ab5c-4a3e-8c1d-1a2b3c4d5e6f"
LIMIT_S = 60


@attrs.frozen
class Site:
    """A dispatcher with the host `web1`, and a client of it."""

    daemon: DaemonProcess
    client: Dispatcher

    @property
    def at(self) -> tuple[str, str]:
        """The words that lead `harp` there."""
        return "--server", str(self.client.address)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a worker."""
    with running_harpd(tmp_path_factory.mktemp("worker"), PROCEDURES) as harpd:
        yield harpd.path


@pytest.fixture
def site(worker: Path, tmp_path: Path) -> Iterator[Site]:
    """A dispatcher of this test's own, that it may kill."""
    hosts = {"web1": {"unix": str(worker), "user": "me", "password": "secret"}}
    with running_daemon(tmp_path, hosts=hosts) as daemon:
        yield Site(daemon, Dispatcher(f"127.0.0.1:{daemon.port}"))


def wait_until_packets(job: Job, number: int) -> None:
    """Return when the job has streamed that many."""
    deadline = time.monotonic() + LIMIT_S
    while job.read().next < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_values_come_back_as_they_were(site: Site) -> None:
    """Exact integers and any text: through client, dispatcher and worker and back."""
    value = [10**100, -1.5e-7, "é\u2028\x00\U0001f600", {"": [None, True, {}]}]

    job = site.client.call("web1", "echo", [value], info=value)

    assert job.result() == value
    assert job.status()["info"] == value
    assert job.result(wait=False) == value


def test_each_end_is_told_by_its_own_exception(site: Site) -> None:
    """What the scripted server says is what the real one says."""
    call = site.client.call

    with pytest.raises(RemoteException, match="RuntimeError: boom"):
        call("web1", "fail", ["boom"]).result()
    with pytest.raises(CallError) as failure:
        call("web1", "sleep", [60], max_exec_time=0.1).result()
    assert (failure.value.type, failure.value.data["limit"]) == (
        "timeout",
        "max_exec_time",
    )
    job = call("web1", "sleep", [60])
    with pytest.raises(NotFinished):
        job.result(wait=False)
    assert job.cancel() is True
    assert job.cancel() is False
    with pytest.raises(Cancelled):
        job.result()
    with pytest.raises(NoSuchJob):
        site.client.job(NO_JOB).status()
    with pytest.raises(RequestRefused) as refusal:
        call("web1", "ping", retries=-1)
    assert refusal.value.data["field"] == "retries"


def test_too_large_a_call_is_told_so(site: Site) -> None:
    """The dispatcher closes before it has read it all; its answer must not be lost."""
    for _ in range(3):
        with pytest.raises(RequestRefused) as refusal:
            site.client.call("web1", "echo", ["x" * 20_000_000])

        assert refusal.value.type == "too_large"


def test_a_key_makes_two_calls_one_job(site: Site) -> None:
    """Repeating a call with a key is safe, with other content it is refused."""
    first = site.client.call("web1", "echo", [1], key="once")

    assert site.client.call("web1", "echo", [1], key="once").id == first.id
    with pytest.raises(RequestRefused):
        site.client.call("web1", "echo", [2], key="once")


def test_a_sealed_argument_reaches_only_the_worker(site: Site) -> None:
    """The pointers that the client sends are the ones that the dispatcher reads."""
    job = site.client.call("web1", "echo", {"value": "secret"}, sealed=["/value"])

    assert job.result() == "secret"
    assert job.status()["call"]["arguments"] == {"value": "***"}


def test_a_stream_can_be_joined_anywhere(site: Site) -> None:
    """All, from a number, the last ones, page by page: one stream."""
    job = site.client.call("web1", "count", [5], queue={"a": 1})

    assert [packet.number for packet in job.follow()] == [0, 1, 2, 3, 4]
    assert [packet.number for packet in job.follow(since=3)] == [3, 4]
    assert [packet.number for packet in job.follow(recent=1)] == [4]
    assert [packet.number for packet in job.follow(recent=0)] == []
    page = job.read(since=2)
    assert ([packet.data for packet in page.packets], page.result()) == ([2, 3, 4], 5)


def test_one_client_serves_many_threads(site: Site) -> None:
    """Each question has a connection of its own; nothing is shared but the address."""
    job = site.client.call("web1", "count", [20, 0.01])

    with ThreadPoolExecutor(20) as threads:
        seen = list(threads.map(lambda _: list(job.follow()), range(20)))

    assert [len(packets) for packets in seen] == [20] * 20
    assert all(packets == seen[0] for packets in seen)


def test_a_stream_outlives_a_killed_dispatcher(site: Site) -> None:
    """The follower sees every number once, whatever happens in between."""
    job = site.client.call("web1", "count", [10, 0.05], retries=1)
    follower = job.follow()
    numbers: list[int] = []
    reader = threading.Thread(target=lambda: numbers.extend(p.number for p in follower))
    reader.start()
    wait_until_packets(job, 3)

    site.daemon.restart()
    reader.join(LIMIT_S)

    assert follower.result == 10
    # The second run streams all of its ten again, after what the first had told.
    assert len(numbers) >= 13
    assert numbers == list(range(len(numbers)))


def test_waiting_outlives_an_orderly_restart(site: Site) -> None:
    """A waiting job runs after the restart, and its client never notices."""
    queue = {"only": "one"}
    running = site.client.call("web1", "sleep", [60], queue=queue, max_exec_time=1)
    waiting = site.client.call("web1", "echo", ["late"], queue=queue)
    results: list[Any] = []
    waiter = threading.Thread(target=lambda: results.append(waiting.result()))
    waiter.start()
    while running.status()["time"]["start"] is None:
        time.sleep(0.02)

    site.daemon.terminate()
    site.daemon.wait(LIMIT_S)
    site.daemon.start()
    waiter.join(LIMIT_S)

    assert results == ["late"]


def test_harp_ends_with_the_status_of_the_call(site: Site) -> None:
    """The table of harp(1), against the real thing, over the Unix socket too."""
    at = ("--server", f"unix:{site.daemon.call_socket}")
    told = run_harp("call", "web1", "count", "2", "-f", *site.at)
    detached = run_harp("call", "web1", "sleep", "60", "--detach", *at)
    job = detached.stdout.strip()

    assert (told.returncode, told.stdout) == (0, "0\n1\n2\n")
    assert run_harp("call", "web1", "ping", *at).stdout == "pong\n"
    assert run_harp("call", "web1", "fail", "boom", *at).returncode == 1
    assert run_harp("call", "web2", "ping", *at).returncode == 3
    assert run_harp("call", "web1", "ping", "--retries", "101", *at).returncode == 3
    assert run_harp("result", job, "--no-wait", *at).returncode == 5
    assert "state      running\n" in run_harp("status", job, *at).stdout
    assert run_harp("cancel", job, *at).stdout == "cancelled\n"
    assert run_harp("follow", job, *at).returncode == 4
    assert run_harp("cancel", job, *at).stdout == "had ended already\n"
    assert run_harp("cancel", NO_JOB, *at).returncode == 6
    assert run_harp("follow", NO_JOB, "--recent", "1", *at).returncode == 6


def test_harp_in_json_prints_what_the_dispatcher_says(site: Site) -> None:
    """Programs can read one manual for both."""
    told = run_harp("call", "web1", "count", "2", "-f", "--json", *site.at)
    failed = run_harp("call", "web1", "fail", "boom", "--json", *site.at)

    assert [json.loads(line) for line in told.stdout.splitlines()] == [
        {"packet": 0, "data": 0},
        {"packet": 1, "data": 1},
        {"result": 2},
    ]
    assert json.loads(failed.stderr) == {
        "exception": {"type": "RuntimeError", "message": "boom"}
    }


@pytest.mark.parametrize("name", ["call.sh", "call.js", "call.pl"])
def test_the_examples_run_against_the_real_dispatcher(site: Site, name: str) -> None:
    """They are the first thing that is copied."""
    done = subprocess.run(
        [EXAMPLES / name, "web1", "count", "[3,0.01]"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=os.environ | {"HARPCALLER_SERVER": str(site.client.address)},
    )

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
