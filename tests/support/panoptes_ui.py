"""panoptes-ui from PyPI, unmodified: the monitor that people have."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from eventually import wait_until
from peers import installed

PACKAGE = "panoptes-ui==1.6.2"
MAIN = "from panoptes.panoptes import main; main()"
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
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with closing(connection), suppress(ConnectionError):
            connection.request("GET", path)
            with connection.getresponse() as answer:
                return json.loads(answer.read())
        return None


@contextmanager
def panoptes_ui(folder: Path) -> Iterator[PanoptesUi]:
    """Run it on a database of its own until the block ends."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    database = f"sqlite:///{folder}/panoptes.db?check_same_thread=False"
    process = installed("panoptes-ui", PACKAGE).start(
        "-c",
        MAIN,
        "--ip",
        "127.0.0.1",
        "--port",
        str(port),
        cwd=folder,
        log=folder / "log",
        PANOPTES_DB_URL=database,
    )
    monitor = PanoptesUi(port)
    try:
        wait_until(lambda: monitor.get("/api/service-info") is not None, READY_S)
        yield monitor
    finally:
        process.kill()
        process.wait()
