"""panoptes-ui from PyPI, unmodified: the monitor that people have."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from eventually import wait_until

PACKAGE = "panoptes-ui==1.6.2"
INSTALL = Path(__file__).parents[2] / ".ci" / "peer"
READY_S = 60


@attrs.frozen
class PanoptesUi:
    """A monitor that runs."""

    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        """Return what its API says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection), suppress(ConnectionError):
            connection.request("GET", path)
            with connection.getresponse() as answer:
                return json.loads(answer.read())
        return None


def commands() -> Path:
    """Return where its commands are; it is installed if it is not."""
    done = subprocess.run(
        [INSTALL, "panoptes-ui", PACKAGE],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HARPCALLER_VENV": sys.prefix},
    )
    return Path(done.stdout.strip())


@contextmanager
def panoptes_ui(folder: Path) -> Iterator[PanoptesUi]:
    """Run it on a database of its own until the block ends."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    database = f"sqlite:///{folder}/panoptes.db?check_same_thread=False"
    words = [str(commands() / "panoptes"), "--ip", "127.0.0.1", "--port", str(port)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTHON"))
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            words,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**environment, "PANOPTES_DB_URL": database},
        )
    monitor = PanoptesUi(port)
    try:
        wait_until(lambda: monitor.get("/api/service-info") is not None, READY_S)
        yield monitor
    finally:
        process.kill()
        process.wait()
