"""Monitors that come, go and stay while the dispatcher works."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon_process import DaemonProcess
from eventually import wait_until
from practice_daemon import practice_daemon
from scripted_monitor import ScriptedMonitor, scripted_monitor

from indira.client import AdminClient

COUNT = {"host": "worker", "procedure": "count", "arguments": {"n": 1, "gap": 0}}
JOB = ["job_info", "job_started", "job_finished", "progress"]


def reload(
    daemon: DaemonProcess, before: str, monitors: Sequence[ScriptedMonitor]
) -> dict[str, Any]:
    """Report to these monitors from now on; return what a reload answers."""
    tables = [
        f"[[reporters.panoptes]]\nurl = {json.dumps(one.url)}\nidle_close_s = 1000\n"
        for one in monitors
    ]
    daemon.config.write_text("\n".join([before, *tables]))
    with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
        answer: dict[str, Any] = admin.send("reload_config")
    return answer


def urls(daemon: DaemonProcess) -> list[str]:
    """Return the monitors that an administrator is told of."""
    with AdminClient(daemon.admin_socket, timeout_s=60) as admin:
        return [one["url"] for one in admin.send("status")["reporters"]]


def test_reporters_are_renewed_by_a_reload(tmp_path: Path) -> None:
    """RC-6: one that goes closes its workflows, one that stays goes on with them."""
    with (
        scripted_monitor() as stays,
        scripted_monitor() as goes,
        scripted_monitor() as comes,
        practice_daemon(tmp_path) as daemon,
    ):
        before = daemon.config.read_text()
        first = reload(daemon, before, [stays, goes])
        daemon.ask({"get_result": daemon.ask(COUNT)["job_id"]})
        wait_until(lambda: goes.levels() == stays.levels() == JOB)

        second = reload(daemon, before, [comes, stays])
        wait_until(lambda: goes.levels() == [*JOB, "workflow_success"])
        daemon.ask({"get_result": daemon.ask(COUNT)["job_id"]})
        wait_until(lambda: comes.levels() == JOB)
        wait_until(lambda: stays.levels() == JOB * 2)
        told = urls(daemon)

    assert first == second == {"result": "ok", "needs_restart": []}
    assert told == [stays.url, comes.url]
    assert (stays.workflows, comes.workflows, goes.workflows) == (1, 1, 1)
    assert goes.levels() == [*JOB, "workflow_success"]
