"""SIGTERM: running calls get their grace, waiting ones stay, nobody is left hanging."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from daemon_process import DaemonProcess, running_daemon
from json_lines import JsonLines
from logging_worker import LoggingWorker, running_worker
from torment import Torment, campaign, seed

STOPS = 100
GRACE_S = 1.0
QUEUE = {"name": {"name": "q"}}
SHUTTING_DOWN = "shutting_down"


@attrs.frozen
class Place:
    """A daemon that has a grace of a second, and its worker."""

    daemon: DaemonProcess
    worker: LoggingWorker

    def submit(self, procedure: str, tag: str, **fields: Any) -> str:
        """Return the id of a new job."""
        arguments = {"tag": tag, **fields.pop("arguments", {})}
        call = {"host": "unix", "procedure": procedure, "arguments": arguments}
        return str(self.daemon.ask({**call, **fields})["job_id"])


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path) -> Iterator[Place]:
    """Start a worker, and a daemon that knows it."""
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={"stop_grace_s": GRACE_S, "ca_file": str(worker.ca_file)},
        ) as daemon,
    ):
        yield Place(daemon, worker)


def test_waiting_jobs_stay_queued_and_run_in_order_after_the_next_start(
    place: Place,
) -> None:
    """A stop is an upgrade more often than an end."""
    daemon = place.daemon
    running = place.submit("hang", "first", queue=QUEUE)
    waiting = [place.submit("answer", f"{n}", queue=QUEUE) for n in range(5)]

    daemon.terminate()
    code = daemon.wait()
    daemon.start()
    results = [daemon.ask({"get_result": job_id}) for job_id in waiting]

    assert code == 0
    assert results == [{"result": {"tag": f"{n}"}} for n in range(5)]
    assert _begun(place) == ["first", "0", "1", "2", "3", "4"]
    lost = daemon.ask({"get_result": running})
    assert lost["error"]["type"] == "missing_result"
    assert lost["error"]["message"] == "dispatcher stopped"


async def test_a_call_that_ends_within_the_grace_returns_its_result(
    place: Place,
) -> None:
    """The grace is for the work: whoever waits for it gets what came of it."""
    job_id = place.submit("answer", "late", arguments={"seconds": 0.5})
    async with await _connect(place) as waiter:
        await waiter.send({"harpcaller": 1, "get_result": job_id})
        await trio.sleep(0.1)

        place.daemon.terminate()

        assert await waiter.receive() == {"result": {"tag": "late"}}
        assert await waiter.receive() is None


async def test_followers_hear_the_end_or_that_the_job_goes_on(place: Place) -> None:
    """A bare end of the connection would look like a crash."""
    running = place.submit("stream", "a", queue=QUEUE, arguments=_for_ever())
    waiting = place.submit("answer", "b", queue=QUEUE)
    async with (
        await _connect(place) as of_running,
        await _connect(place) as of_waiting,
        await _connect(place) as waiter,
    ):
        await of_running.send({"harpcaller": 1, "follow_stream": running, "since": 0})
        await of_waiting.send({"harpcaller": 1, "follow_stream": waiting})
        await waiter.send({"harpcaller": 1, "get_result": waiting})
        assert "packet" in (await of_running.receive() or {})

        place.daemon.terminate()

        last = await of_running.receive() or {}
        while "packet" in last:
            last = await of_running.receive() or {}
        assert last["error"]["message"] == "dispatcher stopped"
        for follower in (of_waiting, waiter):
            told = await follower.receive() or {}
            assert told["error"]["type"] == SHUTTING_DOWN
            assert await follower.receive() is None


async def test_a_call_during_the_stop_is_refused_as_shutting_down(
    place: Place,
) -> None:
    """The client knows that it was not kept, and asks again later."""
    place.submit("hang", "a")
    async with await _connect(place) as client:
        request = {"harpcaller": 1, "host": "unix", "procedure": "answer"}
        await client.ask({"harpcaller": 1, "hello": True})

        place.daemon.terminate()
        await trio.sleep(GRACE_S / 3)
        reply = await client.ask({**request, "arguments": {"tag": "b"}}) or {}

        assert reply["error"]["type"] == SHUTTING_DOWN


@pytest.mark.alone
def test_a_stop_takes_no_longer_than_its_grace(place: Place) -> None:
    """A unit of systemd kills what takes longer than it was told."""
    place.submit("hang", "a")
    begun = time.monotonic()

    place.daemon.terminate()
    code = place.daemon.wait()

    assert code == 0
    assert GRACE_S <= time.monotonic() - begun <= GRACE_S + 1


@pytest.mark.alone
def test_a_second_sigterm_ends_the_grace(place: Place) -> None:
    """Whoever asks twice has no time."""
    job_id = place.submit("hang", "a")
    begun = time.monotonic()

    place.daemon.terminate()
    time.sleep(0.1)
    place.daemon.terminate()
    code = place.daemon.wait()
    took_s = time.monotonic() - begun
    place.daemon.start()

    assert code == 0
    assert took_s < GRACE_S
    outcome = place.daemon.ask({"get_result": job_id})
    assert outcome["error"]["message"] == "dispatcher stopped"


def test_a_call_with_retries_is_started_again_after_a_stop(place: Place) -> None:
    """`retries` is for what is lost in a crash or a stop."""
    arguments = {"seconds": GRACE_S + 0.5}
    job_id = place.submit("answer", "again", retries=1, arguments=arguments)
    time.sleep(0.2)  # it is at the worker

    place.daemon.terminate()
    code = place.daemon.wait()
    place.daemon.start()

    assert code == 0
    assert place.daemon.ask({"get_result": job_id}) == {"result": {"tag": "again"}}
    assert _begun(place) == ["again", "again"]


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.alone
async def test_stops_at_random_instants_break_no_promise(tmp_path: Path) -> None:
    """A stop has to be at least as good as `kill -9`."""
    chance = random.Random(seed())  # noqa: S311 (to be repeated, not secret)

    async def stop(torment: Torment) -> None:
        await trio.sleep(chance.uniform(0, 0.6))
        begun = time.monotonic()
        torment.terminate()
        code = await trio.to_thread.run_sync(torment.daemon.wait)
        assert code == 0
        assert time.monotonic() - begun <= grace_s + 1

    grace_s = 0.1
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={"stop_grace_s": grace_s, "ca_file": str(worker.ca_file)},
        ) as daemon,
    ):
        torment = Torment(daemon, worker, chance)
        torment.told.refusals = frozenset({SHUTTING_DOWN})
        for _ in range(campaign(STOPS)):
            await torment.survive(stop)
        await torment.outlive()


def _for_ever() -> dict[str, Any]:
    return {"n": 100_000, "seconds": 2000}


def _begun(place: Place) -> list[str]:
    return [entry.tag for entry in place.worker.entries() if entry.event == "begun"]


async def _connect(place: Place) -> JsonLines:
    return JsonLines(await trio.open_unix_socket(str(place.daemon.call_socket)))
