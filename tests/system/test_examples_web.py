"""The page in examples/web, against a real dispatcher."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, Table, running_daemon
from logging_worker import running_worker
from websocket_client import websocket_port

PAGE = "http://127.0.0.1:8000"
PLAYER = Path(__file__).parents[1] / "support" / "page.js"
FOLDER = Path(__file__).parents[2] / "examples" / "web"

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="no Node.js")


@pytest.fixture(name="daemon", scope="module")
def fixture_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run one for all of them."""
    folder = tmp_path_factory.mktemp("web")
    settings: Table = {
        "websocket.listen": "127.0.0.1:0",
        "websocket.origins": [PAGE],
    }
    with (
        running_worker(folder / "worker") as worker,
        running_daemon(folder / "d", hosts=worker.hosts(), settings=settings) as daemon,
    ):
        yield daemon


def shown(daemon: DaemonProcess, origin: str, procedure: str, arguments: Any) -> Any:
    """Return the lines of the page after a call."""
    fields = {
        "server": f"ws://127.0.0.1:{websocket_port(daemon)}/",
        "host": "unix",
        "procedure": procedure,
        "arguments": json.dumps(arguments),
    }
    words = [f"{name}={value}" for name, value in fields.items()]
    done = subprocess.run(
        ["node", PLAYER, origin, *words],
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_page_shows_stream_and_result(daemon: DaemonProcess) -> None:
    """An example that does not run teaches the wrong protocol."""
    first, *packets, end = shown(daemon, PAGE, "stream", {"n": 3, "tag": 'a "b"'})

    assert first.keys() == {"job"}
    assert len(packets) == 3
    assert end == {"result": {"tag": 'a "b"'}}


def test_the_page_tells_a_bad_end(daemon: DaemonProcess) -> None:
    """An exception is an end like a result; a refusal has a reason."""
    *_, raised = shown(daemon, PAGE, "fail", {"tag": "t"})
    refused = shown(daemon, PAGE, "", {})
    foreign = shown(daemon, "http://evil.example", "answer", {})

    assert raised["exception"]["type"] == "broken"
    assert "procedure" in refused[0]
    assert foreign == ["no dispatcher"]


def test_the_page_takes_no_text_for_more_than_text() -> None:
    """What a worker streams is a stranger's; a page must not run it."""
    for path in FOLDER.iterdir():
        text = path.read_text()
        assert "innerHTML" not in text
        assert "<script>" not in text
