"""examples/monitor-workflow.sh and the manual, beside a real monitor."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from manual import MAN, section_of
from monitor import Monitor, running_monitor
from web_client import web_address

from harpcaller.adapters.panoptes.settings import KEYS, Settings
from harpcaller.adapters.panoptes.words import (
    CANCELLED,
    DONE,
    ERROR,
    NO_EXECUTION,
    RUNNING,
    STALE,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "monitor-workflow.sh"
PAGE = MAN / "harpcaller-http.7"
TOOLS = ("bash", "curl", "jq")
PLAYER = Path(__file__).parents[1] / "support" / "workflow_page.js"


@pytest.fixture(name="monitor", scope="module")
def fixture_monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Run one for all of them."""
    with running_monitor(tmp_path_factory.mktemp("monitor")) as running:
        yield running


@pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"one of {TOOLS} is not installed"
)
def test_the_example_reports_a_workflow(monitor: Monitor) -> None:
    """What is copied from it has to work."""
    host, port = web_address(monitor.daemon)
    done = subprocess.run(
        [EXAMPLE, 'a "name"'],
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
        env=os.environ | {"HARPCALLER_HTTP": f"http://{host}:{port}", "STEP_S": "0"},
    )

    assert done.returncode == 0, done.stderr
    page, result = done.stdout.splitlines()
    job_id = page.split("/")[-2]
    assert monitor.web.get(f"/workflows/{job_id}/").status == 200
    assert json.loads(result)["result"]["status"] == "completed"
    assert monitor.workflow(job_id)["name"] == 'a "name"'
    assert monitor.jobs(job_id) == {"1": "Done", "2": "Done"}


def test_every_path_is_in_the_manual_and_the_reverse(monitor: Monitor) -> None:
    """With the slash where the specification has one, and the older ones once."""
    paths = monitor.web.get("/openapi.json").value["paths"]
    served = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["tags"] == ["panoptes"]
    }
    section = section_of(PAGE, "Paths of workflows")
    told = set(re.findall(r"^\.It Cm (\S+) Li (\S+)$", section, re.MULTILINE))

    slashed = {one for one in told if one[1].startswith("/m1")}
    own = ("/m1", "/workflows", "/static")
    older = {one for one in told if not one[1].startswith(own)}
    assert served == (
        told
        | {(method, path.rstrip("/")) for method, path in slashed}
        | {(method, f"/m1{path}") for method, path in older}
    )


def test_every_setting_is_in_the_manual_with_its_default() -> None:
    """An operator looks there first."""
    section = " ".join(section_of(PAGE, "Settings of workflows").split())
    told = re.findall(r"\.It Ic (\w+)", section)
    defaults = Settings()

    assert told == list(KEYS)
    for key in told:
        value = getattr(defaults, key)
        if isinstance(value, bool):
            assert f"Default {str(value).lower()}" in section
        elif isinstance(value, int | float):
            assert f" {value:.0f}" in section, key


def test_every_word_is_in_the_manual() -> None:
    """Clients show them to people."""
    section = section_of(PAGE, "How workflows end")

    told = re.findall(r"^\.It (.+) Ta", section, re.MULTILINE)

    assert told == [RUNNING, STALE, DONE, NO_EXECUTION, ERROR, CANCELLED]


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js")
def test_the_page_shows_a_workflow_as_it_is(monitor: Monitor) -> None:
    """MW-7: by names that mean no good, too, and to the end."""
    host, port = web_address(monitor.daemon)
    name = "<img src=x onerror=alert(1)>"
    job_id = monitor.create({"name": name})
    for message in (
        {"jobid": 1, "level": "job_info", "name": name, "output": ["a", "b"]},
        {"jobid": 1, "level": "progress", "done": 1, "total": 1},
        {"jobid": 1, "level": "job_finished"},
        {"jobid": 1, "level": "workflow_success"},
    ):
        assert monitor.update(job_id, message).status == 202

    done = subprocess.run(
        ["node", PLAYER, f"http://{host}:{port}/workflows/{job_id}/"],
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["name"], seen["status"]) == (name, "Done")
    assert seen["counts"] == "1 of 1 jobs done"
    assert seen["connection"] == ""
    assert seen["jobs"] == [f"1 {name} Done a b"]
    assert len(seen["log"]) == 4
    assert name in seen["log"][0]
