"""A dispatcher that stops while workflows go on: G-2."""

from __future__ import annotations

from pathlib import Path

from eventually import wait_until
from logging_worker import running_worker
from monitor import running_monitor
from web_client import web_client

EXAMPLE = {"jobid": "1", "level": "info"}


def test_a_stop_waits_for_no_workflow(tmp_path: Path) -> None:
    """Whoever is connected is served to the end, and nothing new begins."""
    call = {
        "host": "unix",
        "procedure": "answer",
        "arguments": {"tag": "t", "seconds": 4},
    }
    with (
        running_worker(tmp_path / "worker") as worker,
        running_monitor(tmp_path / "daemon", hosts=worker.hosts()) as monitor,
    ):
        job_id, daemon = monitor.create(), monitor.daemon
        assert monitor.web.submit(call).status == 201
        daemon.terminate()
        wait_until(lambda: monitor.web.get("/m1/").status == 503)

        info = monitor.web.get("/m1/")
        legacy_info = monitor.web.get("/api/service-info")
        made = monitor.web.ask("POST", "/m1/workflow/create/", b"")
        old = monitor.web.get("/create_workflow")
        told = monitor.update(job_id, EXAMPLE)
        legacy = monitor.legacy(job_id, {"level": "info"})
        code = daemon.wait()

        daemon.start()
        with web_client(daemon) as web:
            listed = web.get("/api/workflows").value["workflows"]
            one = web.get(f"/api/workflow/{job_id}").value["workflow"]

    assert code == 0
    assert {"status", "version"} <= info.value.keys()
    assert info.headers["Retry-After"] == "5"
    assert [legacy_info.status, made.status, old.status] == [503] * 3
    assert old.value["id"] is None
    assert (told.status, legacy.body) == (202, b"ok")
    assert [one["id"] for one in listed] == [job_id]
    assert (one["status"], one["packets"]) == ("Running", 2)
