"""From a message of Harmony to a service of its library, and back: all of it real."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, prepared_daemon
from harmony_corpus import CORPUS, UAT, corpus_json
from harmony_worker import example, service, two_granules
from harpd_process import running_harpd

SERVICES = """
  - <<: *copy
    name: test/example
    batch_size: 0
    steps:
      - image: test/example:1
"""
BINDINGS = """
"test/example": {kind: cli, host: w, procedure: example, title: An example}
"*": {kind: cli, host: w, procedure: example}
"""


@contextmanager
def running_chain(directory: Path, root: Path, table: str) -> Iterator[DaemonProcess]:
    """Run dispatcher and worker until the block ends; services may use `root`."""
    directory.chmod(0o700)
    text = (CORPUS / "own/services.yml").read_text()
    (directory / "services.yml").write_text(f"{text}\n{SERVICES}")
    (directory / "bindings.yml").write_text(BINDINGS)
    shutil.copy(CORPUS / "own/services.env", directory / "services.env")
    worker = directory / "harpd.toml"
    config = service("example", [sys.executable, example()])
    worker.write_text(config.replace("{root}", str(root)))
    (root / "private").mkdir()
    with running_harpd(directory, "", "--config", str(worker), "--harp2") as harpd:
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
                f"{table}"
            )
        try:
            daemon.start()
            yield daemon
        finally:
            if daemon.is_alive:
                daemon.kill()


def outcome_of(daemon: DaemonProcess, sources: Any) -> Mapping[str, Any]:
    """Return how the library's own message ends."""
    arguments = {
        "operation": corpus_json("messages/example_message.json"),
        "sources": sources,
        "options": {"dialect": "none"},
    }
    call = {"host": "@harmony", "procedure": "test/example", "arguments": arguments}
    reply = daemon.ask(call)
    assert "job_id" in reply, reply
    with daemon.connect(60) as client, client.makefile("rb") as replies:
        request = {"harpcaller": 1, "get_result": reply["job_id"], "wait": True}
        client.sendall(json.dumps(request).encode() + b"\n")
        found: Mapping[str, Any] = json.loads(replies.readline())
        return found


@pytest.mark.parametrize("is_shared", [False, True])
def test_the_example_of_the_library_serves_a_request(
    tmp_path: Path, is_shared: bool
) -> None:
    """H-25: unmodified, from its wheel, with a folder for both or without."""
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    table = f'granule_allow = ["file://{root}/"]\n'
    if is_shared:
        table += f'work_dir = "{root}/work"\n'
        (root / "work").mkdir(mode=0o700)

    with running_chain(tmp_path, root, table) as daemon:
        outcome = outcome_of(daemon, two_granules(root))

    assert "result" in outcome, outcome
    result = outcome["result"]
    assert result["status"] == "successful", result
    assert [output["title"] for output in result["outputs"]] == ["g_1.txt", "g_2.txt"]
    assert "dpi" not in result["message"]["format"]
