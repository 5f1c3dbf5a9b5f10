"""From a message of Harmony to a service of its library, and back: all of it real."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, prepared_daemon
from harmony_answers import running_service
from harmony_corpus import CORPUS, UAT, corpus_json
from harmony_worker import example, service, two_granules
from harpd_process import running_harpd

SERVICES = """
  - <<: *copy
    name: test/example
    batch_size: 0
    steps:
      - image: test/example:1
  - <<: *copy
    name: test/asked
    batch_size: 0
    steps:
      - image: test/asked:1
"""
BINDINGS = """
"test/example": {kind: cli, host: w, procedure: example, title: An example}
"test/asked": {kind: http, host: w, procedure: post, url: "http://localhost:%d/service/plain"}
"*": {kind: cli, host: w, procedure: example}
"""
POST = """
[[procedure]]
name = "post"
kind = "harmony_http"
url_allow = ["http://localhost:*/service/"]
data_dir = "{root}"
roots = ["{root}"]
"""


@contextmanager
def running_chain(
    directory: Path, root: Path, port: int, table: str
) -> Iterator[DaemonProcess]:
    """Run dispatcher and worker until the block ends; services may use `root`.

    Another service is asked at `port`.
    """
    directory.chmod(0o700)
    text = (CORPUS / "own/services.yml").read_text()
    (directory / "services.yml").write_text(f"{text}\n{SERVICES}")
    (directory / "bindings.yml").write_text(BINDINGS % port)
    shutil.copy(CORPUS / "own/services.env", directory / "services.env")
    worker = directory / "harpd.toml"
    config = service("example", [sys.executable, example()]) + POST
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


@attrs.frozen
class Chain:
    """All of it, running; `root` is the folder with the granules."""

    daemon: DaemonProcess
    root: Path

    def result(self, service: str) -> Any:
        """Return the result of the library's own message."""
        arguments = {
            "operation": corpus_json("messages/example_message.json"),
            "sources": two_granules(self.root),
            "options": {"dialect": "none"},
        }
        call = {"host": "@harmony", "procedure": service, "arguments": arguments}
        reply = self.daemon.ask(call)
        assert "job_id" in reply, reply
        with self.daemon.connect(60) as client, client.makefile("rb") as replies:
            request = {"harpcaller": 1, "get_result": reply["job_id"], "wait": True}
            client.sendall(json.dumps(request).encode() + b"\n")
            outcome = json.loads(replies.readline())
        assert "result" in outcome, outcome
        return outcome["result"]


@pytest.fixture(scope="module", params=["alone", "shared"])
def chain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """Run it with a folder for dispatcher and worker, and without."""
    directory = tmp_path_factory.mktemp("chain")
    root = directory / "root"
    (root / "work").mkdir(mode=0o700, parents=True)
    table = f'granule_allow = ["file://{root}/"]\n'
    if request.param == "shared":
        table += f'work_dir = "{root}/work"\n'
    with (
        running_service() as asked,
        running_chain(directory, root, asked.port, table) as daemon,
    ):
        yield Chain(daemon, root)


def test_the_example_of_the_library_serves_a_request(chain: Chain) -> None:
    """H-25: unmodified, from its wheel."""
    result = chain.result("test/example")

    assert result["status"] == "successful", result
    assert [output["title"] for output in result["outputs"]] == ["g_1.txt", "g_2.txt"]
    assert "dpi" not in result["message"]["format"]


def test_a_service_that_is_asked_serves_a_request(chain: Chain) -> None:
    """It needs no STAC: a file is enough."""
    result = chain.result("test/asked")

    assert result["status"] == "successful", result
    [output] = result["outputs"]
    assert (output["title"], output["type"]) == ("s1.b0.png", "image/png")
    assert output["href"].startswith(f"file://{chain.root}/harp-")
