"""A real dispatcher with the Harmony adapter, a real worker, and a Harmony to tell."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from daemon_process import DaemonProcess, prepared_daemon
from harmony_corpus import CORPUS, UAT, operation
from harmony_recorder import Recorder, running_recorder
from harpd_process import Harpd, running_harpd

TOKEN = "canary-9c1d7e55"  # noqa: S105 (it is to be looked for)

# A service, as far as the dispatcher sees one. The name of its unit in the file
# `orders` tells it how to behave.
SERVICE = '''
import json, os, time
from pathlib import Path
from harpcaller.worker import procedure, streaming_procedure

FOLDER = Path("FOLDER_NAME")

def tell(event, unit, attempt):
    """Append a line to the log, whole."""
    line = json.dumps([event, unit, attempt])
    file = os.open(FOLDER / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode() + bytes([10]))
    os.close(file)

def ending(error=None, **fields):
    """Return what a container's end looks like."""
    return {"exit": 0 if error is None else 1, "signal": None, "catalogs": [],
        "items": 0, "stac": None, "message": None, "error": error,
        "duration_ms": 1, **fields}

def copied(unit, message, files):
    """Return the catalog with all data under names of this unit."""
    changed = {}
    for name, document in files.items():
        for asset in document.get("assets", {}).values():
            last = asset["href"].rpartition("/")[2].rpartition("~")[2]
            asset["href"] = message["stagingLocation"] + unit + "~" + last
            asset["title"] = unit + "~" + last
        changed[name] = document
    return changed

def left_in(folder, files):
    """Write a catalog where the next step finds it."""
    for name, document in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

def work(unit, attempt, message, sources, metadata_dir):
    """Behave as ordered."""
    request = message["requestId"]
    tell("begun", request + " " + unit, attempt)
    assert message["accessToken"], "no token"
    orders = json.loads((FOLDER / "orders").read_text())
    order = orders.get(unit, orders.get("*"))
    if order == "hang":
        time.sleep(60)
    if isinstance(order, float):
        time.sleep(order)
    if isinstance(order, dict):
        return ending(order)
    if isinstance(sources, str):
        root = Path(sources)
        files = {str(path.relative_to(root.parent)): json.loads(path.read_text())
            for path in root.parent.rglob("*.json")}
        sources = {"root": root.name, "files": files}
    files = copied(unit, message, sources["files"])
    if metadata_dir is not None:
        left_in(metadata_dir, files)
    tell("ended", request + " " + unit, attempt)
    left = {**message, "subset": {}} if order == "consume" else None
    return ending(catalogs=[sources["root"]], items=len(files) - 1, message=left,
        stac={"root": sources["root"], "files": files})

@procedure
def copy(unit, attempt, message, sources, metadata_dir, data_location, env):
    return work(unit, attempt, message, sources, metadata_dir)

@procedure
def leak(unit, attempt, message, sources, metadata_dir, data_location, env):
    raise ValueError("no luck with " + message["accessToken"])

@streaming_procedure
def chatty(unit, attempt, message, sources, metadata_dir, data_location, env):
    for number in range(18):
        time.sleep(0.25)
        yield {"alive": number}
    return work(unit, attempt, message, sources, metadata_dir)
'''

BINDINGS = """
"test/copy":   {kind: cli, host: w, procedure: copy, timeout: 20, title: Copy}
"test/subset": {kind: cli, host: w, procedure: copy, timeout: 20}
"test/zarr":   {kind: cli, host: w, procedure: copy, timeout: 20}
"test/copy-silent": {kind: cli, host: w, procedure: copy, timeout: 1}
"test/chatty": {kind: cli, host: w, procedure: chatty, timeout: 1.5}
"test/leak":   {kind: cli, host: w, procedure: leak, timeout: 20}
"test/shared": {kind: cli, host: w, procedure: copy, timeout: 20, queue_scope: service}
"*":           {kind: cli, host: w, procedure: copy}
"""
MORE_SERVICES = """
  - <<: *copy
    name: test/silent
    steps:
      - image: test/copy-silent:1
  - <<: *copy
    name: test/alive
    steps:
      - image: test/chatty:1
  - <<: *copy
    name: test/leak
    steps:
      - image: test/leak:1
  - <<: *copy
    name: test/shared
    steps:
      - image: test/shared:1
  - <<: *copy
    name: test/many
    collections:
    batch_size: 100
    type:
      <<: *turbo
      params:
        <<: *params
        parallelism: 4
"""


@attrs.frozen
class HarmonyDaemon:
    """What runs: the dispatcher, its worker, and who plays Harmony."""

    daemon: DaemonProcess
    harpd: Harpd
    recorder: Recorder
    folder: Path  # of the worker's orders and log
    work_dir: Path

    # ── asking ──
    def message(self, name: str, **changes: Any) -> dict[str, Any]:
        """Return a message of the corpus, under an id and a callback of its own."""
        request_id = str(uuid.uuid4())
        fields = {
            "accessToken": TOKEN,
            "callback": f"{self.recorder.url}/service/{request_id}",
            "requestId": request_id,
            **changes,
        }
        return operation(name, **fields)

    def ask_for(
        self, service: str, message: Any, sources: Any = None, **options: Any
    ) -> Mapping[str, Any]:
        """Return what the dispatcher says to a request."""
        arguments = {"operation": message, "sources": sources, "options": options}
        call = {"host": "@harmony", "procedure": service, "arguments": arguments}
        return self.daemon.ask(call)

    def submit(
        self, service: str, message: Any, sources: Any = None, **options: Any
    ) -> str:
        """Submit a request; return the parent's id."""
        reply = self.ask_for(service, message, sources, **options)
        assert "job_id" in reply, reply
        return str(reply["job_id"])

    def order(self, orders: Mapping[str, Any]) -> None:
        """Tell the worker how to behave: by unit, or "*"."""
        draft = self.folder / "orders.new"
        draft.write_text(json.dumps(orders))
        draft.rename(self.folder / "orders")

    # ── what came of it ──
    def outcome(self, job_id: str, *, within_s: float = 60) -> Mapping[str, Any]:
        """Return how a job ended, once it has."""
        with self.daemon.connect(within_s) as client, client.makefile("rb") as replies:
            request = {"harpcaller": 1, "get_result": job_id, "wait": True}
            client.sendall(json.dumps(request).encode() + b"\n")
            reply: Mapping[str, Any] = json.loads(replies.readline())
            return reply

    def packets(self, job_id: str) -> Sequence[Any]:
        """Return what a job has streamed, from the first packet on."""
        with self.daemon.connect() as client, client.makefile("rb") as replies:
            request = {"harpcaller": 1, "read_stream": job_id, "since": 0}
            client.sendall(json.dumps(request).encode() + b"\n")
            found: list[Any] = []
            for line in replies:
                reply = json.loads(line)
                if "packet" not in reply:
                    break
                found.append(reply["data"])
            return found

    def calls(self, job_id: str) -> list[str]:
        """Return the keys of the calls that were made, in order."""
        return [
            packet["key"]
            for packet in self.packets(job_id)
            if packet.get("harmony") == "call"
        ]

    def child(self, job_id: str, key: str) -> str:
        """Return the id of a call."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job_id}/{key}"))

    def told(self) -> Sequence[tuple[str, str, int]]:
        """Return what the worker logged: event, request and unit, attempt."""
        file = self.folder / "told"
        if not file.exists():
            return []
        return [tuple(json.loads(line)) for line in file.read_text().splitlines()]

    def posts(self, message: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return what was posted for a message, in order."""
        return self.recorder.parameters(message["callback"])


def _write_services(directory: Path) -> str:
    """Write the files of services; return the table that names them."""
    text = (CORPUS / "own/services.yml").read_text()
    (directory / "services.yml").write_text(f"{text}\n{MORE_SERVICES}")
    (directory / "bindings.yml").write_text(BINDINGS)
    shutil.copy(CORPUS / "own/services.env", directory / "services.env")
    return (
        "[adapters.harmony]\n"
        f'services = "{directory}/services.yml"\n'
        f'bindings = "{directory}/bindings.yml"\n'
        f'env_file = "{directory}/services.env"\n'
        f'environment = "{UAT}"\n'
    )


@contextmanager
def running_harmony(
    directory: Path, table: str = "", *, below: Sequence[str] = (), shared: bool = False
) -> Iterator[HarmonyDaemon]:
    """Run all of it until the block ends; the dispatcher may have been killed in it.

    `table` is more of [adapters.harmony]; with `shared` there is a work_dir.
    """
    directory.chmod(0o700)
    folder, work_dir = directory / "worker", directory / "work"
    folder.mkdir()
    work_dir.mkdir(mode=0o700)
    (folder / "orders").write_text("{}")
    if shared:
        table = f'work_dir = "{work_dir}"\n{table}'
    table = f"{_write_services(directory)}{table}"
    procedures = SERVICE.replace("FOLDER_NAME", str(folder))
    with (
        running_recorder() as recorder,
        running_harpd(directory, procedures, "--harp2") as harpd,
    ):
        daemon = prepared_daemon(
            directory / "daemon",
            hosts={"w": {"unix": str(harpd.path), "harp2": True}},
            settings={"stop_grace_s": 0.2},
            below=below,
        )
        with daemon.config.open("a") as config:
            config.write(table)
        try:
            daemon.start()
            yield HarmonyDaemon(daemon, harpd, recorder, folder, work_dir)
        except BaseException as error:
            error.add_note(f"the end of the daemon's log:\n{daemon.last_words()}")
            raise
        finally:
            if daemon.is_alive:
                daemon.kill()


def most_live(packets: Sequence[Any]) -> int:
    """Return how many calls were live at one time, by the journal."""
    live, most = 0, 0
    for packet in packets:
        live += packet.get("harmony") == "call"
        live -= packet.get("event") == "ended"
        most = max(most, live)
    return most
