"""A full disk: new calls are refused, all else goes on, and it heals by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, running_daemon
from logging_worker import running_worker
from small_disk import MIB, SmallDisk, small_disk

DISK_BYTES, RESERVE_BYTES = 24 * MIB, 4 * MIB
BIG = "x" * 20_000
AT_ONCE_S = 1.0
HEALED_S = 5.0
QUEUE = {"name": {"name": "q"}}


@attrs.frozen
class Place:
    """A daemon whose state lies on a small disk."""

    daemon: DaemonProcess
    disk: SmallDisk

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer, which has to come at once."""
        begun = time.monotonic()
        reply = self.daemon.ask(request)
        assert time.monotonic() - begun < AT_ONCE_S, request
        return reply

    def submit(self, procedure: str, **more: Any) -> dict[str, Any]:
        """Return the answer to a call that needs space."""
        arguments = {"tag": "t", "seconds": more.pop("seconds", 0), "big": BIG}
        return self.ask(host="unix", procedure=procedure, arguments=arguments, **more)

    def fill(self) -> list[str]:
        """Fill the disk until a call is refused; return the jobs that still fitted."""
        self.disk.fill()
        fitted = []
        while "job_id" in (reply := self.submit("answer")):
            fitted.append(reply["job_id"])
            assert len(fitted) < 1000, "the disk does not fill"
        assert reply["error"]["type"] == "storage_full"
        return fitted


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path) -> Iterator[Place]:
    """Start a daemon on a small disk, and its worker elsewhere."""
    with (
        small_disk(tmp_path / "disk", DISK_BYTES) as disk,
        running_worker(tmp_path / "worker") as worker,
        running_daemon(
            tmp_path / "daemon",
            hosts=worker.hosts(),
            settings={
                "state_dir": str(disk.root / "state"),
                "reserve_bytes": RESERVE_BYTES,
                "ca_file": str(worker.ca_file),
            },
        ) as daemon,
    ):
        yield Place(daemon, disk)


def test_a_full_disk_refuses_new_calls_at_once_and_keeps_the_old(place: Place) -> None:
    """`storage_full` is an answer; a hanging client would have none."""
    before = place.submit("answer")["job_id"]

    fitted = place.fill()
    replies = [place.submit("answer") for _ in range(20)]

    assert {reply["error"]["type"] for reply in replies} == {"storage_full"}
    for job_id in (before, *fitted):
        assert place.ask(get_result=job_id) == {"result": {"tag": "t"}}
        assert place.ask(get_status=job_id)["call"]["arguments"]["big"] == BIG


def test_running_calls_end_on_a_full_disk(place: Place) -> None:
    """The reserve is for their outcomes."""
    jobs = [place.submit("answer", seconds=1)["job_id"] for _ in range(20)]

    place.fill()
    outcomes = [place.daemon.ask({"get_result": job_id}) for job_id in jobs]

    assert outcomes == [{"result": {"tag": "t"}}] * 20


def test_waiting_and_running_calls_are_cancelled_on_a_full_disk(place: Place) -> None:
    """Who wants less is not to be refused."""
    running = place.submit("hang", queue=QUEUE)["job_id"]
    waiting = [place.submit("answer", queue=QUEUE)["job_id"] for _ in range(5)]

    place.fill()
    answers = [place.ask(cancel=job_id) for job_id in (*waiting, running)]

    assert answers == [{"cancelled": True}] * 6
    assert place.ask(get_result=waiting[0], wait=False) == {"cancelled": True}


def test_the_disk_heals_by_itself(place: Place) -> None:
    """Nobody has to start the daemon again because a disk was full."""
    place.fill()

    place.disk.give_back()
    deadline = time.monotonic() + HEALED_S
    while "error" in (reply := place.submit("answer")):
        assert time.monotonic() < deadline, reply
        time.sleep(0.1)

    assert place.daemon.ask({"get_result": reply["job_id"]}) == {"result": {"tag": "t"}}


def test_a_kill_on_a_full_disk_loses_nothing(place: Place) -> None:
    """The one that is started next has to write, too, and finds no more space."""
    running = place.submit("hang")["job_id"]
    ended = place.submit("answer")["job_id"]
    fitted = place.fill()
    told = [place.daemon.ask({"get_result": job_id}) for job_id in (ended, *fitted)]

    place.daemon.restart()

    assert told == [place.ask(get_result=job_id) for job_id in (ended, *fitted)]
    assert place.ask(get_result=running)["error"]["type"] == "missing_result"
    assert place.submit("answer")["error"]["type"] == "storage_full"


def test_a_stream_that_no_longer_fits_ends_as_an_error(place: Place) -> None:
    """Its readers hear why, and what they read before stays."""
    call = {"host": "unix", "procedure": "stream"}
    arguments = {"tag": BIG, "n": 2000, "seconds": 4}
    job_id = place.ask(**call, arguments=arguments)["job_id"]
    time.sleep(0.3)

    place.fill()
    outcome = place.daemon.ask({"get_result": job_id})

    assert outcome["error"]["type"] == "os_error"
    assert outcome["error"]["data"]["code"] == "storage"
    kept = place.ask(read_stream=job_id)
    assert kept == {"packet": 0, "data": {"tag": BIG, "fence": 1, "n": 0}}
