"""Our jobs in panoptes-ui, the monitor that people have, and in one of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, Table, running_daemon
from eventually import wait_until
from logging_worker import running_worker
from panoptes_ui import PanoptesUi, panoptes_ui
from web_client import web_address, web_client

from indira.client import AdminClient


def call(daemon: DaemonProcess, procedure: str) -> dict[str, Any]:
    """Call and return how it ended."""
    asked = {"host": "unix", "procedure": procedure, "arguments": {"tag": "t"}}
    queue = {"queue": {"name": {"disk": "sda"}}}
    return daemon.ask({"get_result": daemon.ask({**asked, **queue})["job_id"]})


def workflows(monitor: PanoptesUi) -> list[dict[str, Any]]:
    """Return those that it shows."""
    found: list[dict[str, Any]] = monitor.get("/api/workflows")["workflows"]
    return found


def states(monitor: PanoptesUi, workflow: dict[str, Any]) -> list[str]:
    """Return how it shows the jobs of one."""
    jobs = monitor.get(f"/api/workflow/{workflow['id']}/jobs")["jobs"]
    return sorted(job["status"] for job in jobs)


@pytest.mark.timeout(360)  # it may have to be installed first
def test_jobs_appear_in_panoptes_ui_with_their_states(tmp_path: Path) -> None:
    """Three jobs, one of which raises; then another busy time, and no monitor."""
    with (
        running_worker(tmp_path / "worker") as worker,
        running_daemon(tmp_path / "d", hosts=worker.hosts()) as daemon,
    ):
        with panoptes_ui(tmp_path / "ui") as monitor:
            table = {"url": monitor.url, "idle_close_s": 3}
            with daemon.config.open("a") as config:
                config.write("\n[[reporters.panoptes]]\n")
                for key, value in table.items():
                    config.write(f"{key} = {json.dumps(value)}\n")
            daemon.restart()

            for procedure in ("answer", "fail", "answer"):
                call(daemon, procedure)
            wait_until(lambda: bool(workflows(monitor)), 30)
            [first] = workflows(monitor)
            expected = ["Done", "Done", "Error"]
            wait_until(lambda: states(monitor, first) == expected, 30)
            assert workflows(monitor)[0]["status"] == "Error"

            wait_until(lambda: has_closed(daemon), 30)
            call(daemon, "answer")
            wait_until(lambda: len(workflows(monitor)) == 2, 30)
            wait_until(lambda: workflows(monitor)[1]["status"] == "Done", 30)
            assert states(monitor, workflows(monitor)[1]) == ["Done"]
            assert '"disk":"sda"' in workflows(monitor)[1]["name"]

        assert "result" in call(daemon, "answer")
        daemon.terminate()
        assert daemon.wait() == 0


def test_jobs_appear_in_another_dispatcher(tmp_path: Path) -> None:
    """Both sides of the specification are ours; here they meet, in its own dialect."""
    serving: Table = {"http.listen": "127.0.0.1:0", "adapters.panoptes.linger_s": 0.1}
    with (
        running_daemon(tmp_path / "monitor", settings=serving) as monitor,
        running_daemon(tmp_path / "d") as daemon,
    ):
        host, port = web_address(monitor)
        with daemon.config.open("a") as config:
            config.write("\n[[reporters.panoptes]]\n")
            config.write(f'url = "http://{host}:{port}"\nidle_close_s = 0\n')
        daemon.restart()
        job_id = daemon.ask({"host": "nobody", "procedure": "ping", "arguments": []})[
            "job_id"
        ]
        with web_client(monitor) as web:
            wait_until(lambda: bool(web.get("/api/workflows").value["count"]))
            [workflow] = web.get("/api/workflows").value["workflows"]
            path = f"/api/workflow/{workflow['id']}/jobs"
            wait_until(lambda: bool(web.get(path).value["count"]))
            wait_until(lambda: web.get(path).value["jobs"][0]["status"] == "Error")
            [job] = web.get(path).value["jobs"]

        assert (job["jobid"], job["name"]) == (job_id, "nobody:ping")
        assert reporter_of(daemon)["dialect"] == "m1"
        assert reporter_of(daemon)["refused"] == 0


def has_closed(daemon: DaemonProcess) -> bool:
    """Tell whether no workflow is open any more."""
    return not reporter_of(daemon)["workflows"]


def reporter_of(daemon: DaemonProcess) -> dict[str, Any]:
    """Return what is told of the one reporter."""
    with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
        [reporter] = admin.send("status")["reporters"]
    assert isinstance(reporter, dict)
    return reporter
