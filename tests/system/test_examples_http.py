"""The clients in examples/ that speak HTTP, against a real dispatcher."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, running_daemon
from logging_worker import running_worker
from web_client import ON, web_address

EXAMPLE = Path(__file__).parents[2] / "examples" / "call-http.sh"
TOOLS = ("bash", "curl", "jq")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"one of {TOOLS} is not installed"
)


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one for all of them."""
    folder = tmp_path_factory.mktemp("examples")
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(folder / "daemon", hosts=worker.hosts(), settings=ON) as daemon,
    ):
        yield daemon


def run_example(
    server: str, procedure: str, **arguments: Any
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [EXAMPLE, "unix", procedure, json.dumps({"tag": 'a "b"', **arguments})],
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"HARPCALLER_HTTP": server},
    )


def server_of(daemon: DaemonProcess) -> str:
    """Return where the daemon serves HTTP."""
    host, port = web_address(daemon)
    return f"http://{host}:{port}"


def test_the_example_prints_the_stream_and_the_result(daemon: DaemonProcess) -> None:
    """An example that does not run teaches the wrong protocol."""
    done = run_example(server_of(daemon), "stream", n=3)

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["packet"] for line in lines[:3]] == [0, 1, 2]
    assert lines[3:] == [{"result": {"tag": 'a "b"'}}]


def test_the_example_tells_a_bad_end_from_a_good_one(daemon: DaemonProcess) -> None:
    """What is copied from an example should not lose errors."""
    failed = run_example(server_of(daemon), "fail")
    refused = run_example(server_of(daemon), "")
    lost = run_example("http://127.0.0.1:1", "answer")

    assert failed.returncode == 1
    assert json.loads(failed.stdout)["exception"]["type"] == "broken"
    assert refused.returncode == 3
    assert json.loads(refused.stderr)["error"]["type"] == "invalid_request"
    assert lost.returncode == 7


def test_the_example_is_short() -> None:
    """Nobody reads a long one."""
    assert len(EXAMPLE.read_text().splitlines()) <= 60
