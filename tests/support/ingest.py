"""A real dispatcher with the Cumulus adapter, and a real worker that logs its calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from daemon_process import READY_S, DaemonProcess, prepared_daemon
from harpd_process import Harpd, running_harpd

SECRET = "canary-6b0e5d1f"  # noqa: S105 (it is to be looked for)
MESSAGE: Mapping[str, Any] = {
    "cumulus_meta": {"stack": "gibs", "execution_name": "one"},
    "meta": {"provider": {"id": "p1"}, "cmr": {"username": "u", "password": SECRET}},
    "payload": None,
}
PROCEDURES = '''
import json, os, time
from harpcaller.worker import procedure

def tell(event, name, info):
    """Append a line to the log, whole."""
    line = json.dumps([event, info.job_id, name])
    file = os.open("TOLD_FILE", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode() + bytes([10]))
    os.close(file)
'''


@attrs.frozen
class Ingest:
    """What runs: the dispatcher, its worker, and the worker's own log."""

    daemon: DaemonProcess
    harpd: Harpd
    told_file: Path

    def submit(self, workflow: str, message: Any = MESSAGE, /, **arguments: Any) -> str:
        """Submit a workflow; return the parent's id."""
        reply = self.ask_for(workflow, {"message": message, **arguments})
        assert "job_id" in reply, reply
        return str(reply["job_id"])

    def ask_for(
        self, workflow: str, arguments: Any, **fields: Any
    ) -> Mapping[str, Any]:
        """Return what the dispatcher says to a call of a workflow."""
        call = {"host": "@cumulus", "procedure": workflow, "arguments": arguments}
        return self.daemon.ask({**call, **fields})

    def outcome(self, job_id: str) -> Mapping[str, Any]:
        """Return how a job ended, once it has."""
        return self.daemon.ask({"get_result": job_id, "wait": True})

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
                assert reply["packet"] == len(found)
                found.append(reply["data"])
            return found

    def follow(self, job_id: str, seen: list[Any]) -> None:
        """Add to `seen` what a job streams from there on, until the connection ends."""
        request = {"harpcaller": 1, "follow_stream": job_id, "since": len(seen)}
        with self.daemon.connect(30) as client, client.makefile("rb") as replies:
            client.sendall(json.dumps(request).encode() + b"\n")
            for line in replies:
                reply = json.loads(line)
                if "packet" not in reply:
                    return
                assert reply["packet"] == len(seen)
                seen.append(reply["data"])

    def notes(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """Return those packets that the adapter wrote."""
        return [packet for packet in self.packets(job_id) if "cumulus" in packet]

    def children(self, job_id: str) -> Sequence[str]:
        """Return the ids of the calls that were made, in their order."""
        notes = self.notes(job_id)
        return [note["job_id"] for note in notes if note["cumulus"] == "call"]

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a verb of the dispatcher's administrator."""
        return _run("--socket", str(self.daemon.admin_socket), *words)

    def check(self) -> subprocess.CompletedProcess[str]:
        """Have the configuration checked."""
        return _run("check", "--config", str(self.daemon.config))

    def told(self) -> Sequence[tuple[str, str, str]]:
        """Return what the worker logged: event, job id, procedure."""
        if not self.told_file.exists():
            return []
        lines = self.told_file.read_text().splitlines()
        return [tuple(json.loads(line)) for line in lines]


def _write_workflows(folder: Path, definitions: Mapping[str, Any]) -> Path:
    """Write the files of workflows; return their folder."""
    folder.mkdir()
    for name, definition in definitions.items():
        put(folder / f"{name}.json", definition)
    return folder


@contextmanager
def running_ingest(
    directory: Path,
    definitions: Mapping[str, Any],
    procedures: str,
    *,
    table: str = "",
    below: Sequence[str] = (),
) -> Iterator[Ingest]:
    """Run both until the block ends; the dispatcher may have been killed in it.

    `procedures` are Python functions of the worker `w`, which may call `tell`.
    `table` is more of [adapters.cumulus]; `below` is what the dispatcher is started by.
    """
    directory.chmod(0o700)
    workflows = _write_workflows(directory / "workflows", definitions)
    told_file = directory / "told"
    with running_harpd(
        directory,
        PROCEDURES.replace("TOLD_FILE", str(told_file)) + procedures,
        "--harp2",
    ) as harpd:
        daemon = prepared_daemon(
            directory / "daemon",
            hosts={"w": {"unix": str(harpd.path), "harp2": True}},
            settings={"stop_grace_s": 0.2},
            below=below,
        )
        with daemon.config.open("a") as config:
            config.write(f'[adapters.cumulus]\nworkflows = "{workflows}"\n{table}')
        try:
            daemon.start()
            yield Ingest(daemon, harpd, told_file)
        except BaseException as error:
            error.add_note(f"the end of the daemon's log:\n{daemon.last_words()}")
            raise
        finally:
            if daemon.is_alive:
                daemon.terminate()
                daemon.wait(READY_S)


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harpcaller", *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def put(file: Path, definition: Any) -> None:
    """Write a definition where nobody else may write."""
    file.write_text(json.dumps(definition))
    file.chmod(0o600)
