"""A dispatcher that stops, is drained or has no space, as callers over HTTP see it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemon_process import DaemonProcess, Table, running_daemon
from logging_worker import running_worker
from small_disk import MIB, small_disk
from web_client import ON, Told, web_client

from indira.client import AdminClient


def call(procedure: str, **arguments: Any) -> dict[str, Any]:
    """Return a call."""
    return {
        "host": "unix",
        "procedure": procedure,
        "arguments": {"tag": "t", **arguments},
    }


@contextmanager
def a_daemon(folder: Path, **more: Any) -> Iterator[DaemonProcess]:
    """Run one with a worker."""
    settings: Table = {**ON, **more}
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(
            folder / "daemon", hosts=worker.hosts(), settings=settings
        ) as daemon,
    ):
        yield daemon


def assert_refused(told: Told, status: int, word: str) -> None:
    """Fail unless a call was refused for a while."""
    assert (told.status, told.error) == (status, word)
    assert int(told.headers["Retry-After"]) > 0


def test_a_stop_serves_who_is_there_and_takes_no_more(tmp_path: Path) -> None:
    """Who waits for a job that still has its grace gets its result."""
    waited: list[Told] = []
    with (
        a_daemon(tmp_path, stop_grace_s=15) as daemon,
        web_client(daemon) as web,
        web_client(daemon) as other,
    ):
        job = web.submit(call("stream", n=8, seconds=3)).headers["Location"]
        wait = threading.Thread(
            target=lambda: waited.append(other.get(f"{job}/result?wait=30"))
        )
        wait.start()
        time.sleep(0.2)
        daemon.terminate()
        while web.get("/readyz").status == 200:
            time.sleep(0.02)
        refused = web.submit(call("answer"))
        status, packets = web.get(job), web.get(f"{job}/packets")
        stream = web.get(f"{job}/stream?since=0")
        wait.join(30)
        code = daemon.wait()

    assert_refused(refused, 503, "shutting_down")
    assert (status.status, packets.status) == (200, 200)
    assert stream.body.count(b"\nid: ") == 8
    assert stream.body.endswith(b'event: end\ndata: {"result":{"tag":"t"}}\n\n')
    assert [told.value for told in waited] == [{"result": {"tag": "t"}}]
    assert code == 0


def test_who_waits_for_a_job_that_goes_on_is_told(tmp_path: Path) -> None:
    """To ask the next dispatcher, not that there is no result."""
    told: list[Told] = []
    with a_daemon(tmp_path, stop_grace_s=0) as daemon, web_client(daemon) as web:
        queued = {"queue": {"name": {"q": 1}}}
        web.submit({**call("hang"), **queued})
        job = web.submit({**call("answer"), **queued}).headers["Location"]
        wait = threading.Thread(
            target=lambda: told.append(web.get(f"{job}/result?wait=30"))
        )
        wait.start()
        time.sleep(0.3)
        daemon.terminate()
        wait.join(20)
        daemon.wait()
        daemon.start()
        with web_client(daemon) as later:
            result = later.get(f"{job}/result?wait=20")

    assert_refused(told[0], 503, "shutting_down")
    assert result.value == {"result": {"tag": "t"}}


def test_a_drained_dispatcher_takes_no_call_and_tells_the_rest(tmp_path: Path) -> None:
    """Until it is resumed."""
    with a_daemon(tmp_path) as daemon, web_client(daemon) as web:
        job = web.submit(call("answer")).headers["Location"]
        with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
            admin.send("drain")
            refused = web.submit(call("answer"))
            result = web.get(f"{job}/result?wait=20")
            admin.send("resume")
        taken = web.submit(call("answer"))

    assert_refused(refused, 503, "shutting_down")
    assert (result.status, taken.status) == (200, 201)


def test_a_full_disk_is_told_to_callers(tmp_path: Path) -> None:
    """Nothing of the call was kept; what was kept before is there."""
    with small_disk(tmp_path / "disk", 24 * MIB) as disk:
        state = {"state_dir": str(disk.root / "state"), "reserve_bytes": 4 * MIB}
        with a_daemon(tmp_path, **state) as daemon, web_client(daemon) as web:
            job = web.submit(call("answer")).headers["Location"]
            web.get(f"{job}/result?wait=20")
            disk.fill()
            refused = web.submit(call("answer", text="x" * 300_000))
            kept = web.get(f"{job}/result")
            disk.give_back()

    assert_refused(refused, 503, "storage_full")
    assert kept.status == 200
