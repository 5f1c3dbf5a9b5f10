"""A real dispatcher whose requests of Harmony go to services of a real `harpd`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from daemon_process import DaemonProcess, prepared_daemon
from harmony_corpus import CORPUS, UAT
from harmony_worker import two_granules
from harpd_process import Harpd, running_harpd

ASKING = """
[[procedure]]
name = "post"
kind = "harmony_http"
url_allow = ["http://localhost:*/service/"]
data_dir = "{root}"
roots = ["{root}"]
"""
_SERVICE = """
  - <<: *copy
    name: test/{0}
    batch_size: 0
    steps:
      - image: test/{0}:1
"""


@attrs.frozen
class Chain:
    """All of it, running; `root` is the folder with the granules."""

    daemon: DaemonProcess
    harpd: Harpd
    root: Path

    def submit(self, service: str, operation: Any, **options: Any) -> str:
        """Submit a request for two granules; return the parent's id."""
        arguments = {
            "operation": operation,
            "sources": two_granules(self.root),
            "options": options,
        }
        call = {"host": "@harmony", "procedure": service, "arguments": arguments}
        reply = self.daemon.ask(call)
        assert "job_id" in reply, reply
        return str(reply["job_id"])

    def outcome(self, job_id: str) -> Any:
        """Return how a job ended, once it has."""
        with self.daemon.connect(60) as client, client.makefile("rb") as replies:
            request = {"harpcaller": 1, "get_result": job_id, "wait": True}
            client.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(replies.readline())


@contextmanager
def running_chain(
    directory: Path, worker: str, services: Sequence[str], bindings: str, table: str
) -> Iterator[Chain]:
    """Run dispatcher and worker until the block ends; services may use a `root`.

    `worker` is its configuration, `services` are names of such with one step, whose
    images are called the same, `table` is more of [adapters.harmony]. {root} is filled
    in, in both.
    """
    directory.chmod(0o700)
    root = directory / "root"
    for name in ("work", "private"):
        (root / name).mkdir(mode=0o700, parents=True)
    text = (CORPUS / "own/services.yml").read_text()
    more = "".join(map(_SERVICE.format, services))
    (directory / "services.yml").write_text(f"{text}\n{more}")
    (directory / "bindings.yml").write_text(bindings)
    shutil.copy(CORPUS / "own/services.env", directory / "services.env")
    config = directory / "harpd.toml"
    config.write_text(worker.replace("{root}", str(root)))
    with running_harpd(directory, "", "--config", str(config), "--harp2") as harpd:
        daemon = _daemon(directory, harpd, table.replace("{root}", str(root)))
        try:
            daemon.start()
            yield Chain(daemon, harpd, root)
        finally:
            if daemon.is_alive:
                daemon.kill()


def _daemon(directory: Path, harpd: Harpd, table: str) -> DaemonProcess:
    daemon = prepared_daemon(
        directory / "daemon",
        hosts={"w": {"unix": str(harpd.path), "harp2": True}},
        settings={"stop_grace_s": 0.2},
    )
    with daemon.config.open("a") as file:
        file.write(
            "[adapters.harmony]\n"
            f'services = "{directory}/services.yml"\n'
            f'bindings = "{directory}/bindings.yml"\n'
            f'env_file = "{directory}/services.env"\n'
            f'environment = "{UAT}"\n'
            f'granule_allow = ["file://{directory}/root/"]\n'
            f"{table}"
        )
    return daemon
