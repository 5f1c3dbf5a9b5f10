"""`harp-harmony` in the place of a container: how it is run, and what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from harmony_corpus import CORPUS, corpus_json
from line_server import LineServer

from harpcaller.client import Dispatcher
from harpcaller.tools.harmony_invoke import Invocation, invoke
from harpcaller.tools.harmony_log import Log

MESSAGE = CORPUS / "own/messages/async-2.json"
CATALOG = CORPUS / "own/catalogs/two-granules/catalog.json"
TOKEN = corpus_json("own/messages/async-2.json")["accessToken"]
COMMAND = [sys.executable, "-m", "harpcaller.tools.harmony"]


def a_result(**changes: Any) -> dict[str, Any]:
    """Return the result of a request whose service left one output."""
    message = corpus_json("own/messages/async-2.json")
    left = {name: message[name] for name in ("version", "requestId", "user")}
    stac = corpus_json("own/outcomes/async-2.s1.b0.json")["result"]["stac"]
    staging = {"stagingLocation": "s3://elsewhere/"}
    result = {
        "status": "successful",
        "outputs": [],
        "units": [],
        "stac": stac,
        "message": left | staging,
        "warnings": [],
    }
    return result | changes


def line(value: Any) -> bytes:
    """Return one answer of a dispatcher."""
    return json.dumps(value).encode() + b"\n"


@attrs.frozen
class Run:
    """How one container ended: its exit, its log, and what it left behind."""

    code: int
    log: list[Any]
    folder: Path

    def left(self, name: str) -> Any:
        """Return the value of a file that it left."""
        return json.loads((self.folder / name).read_bytes())

    @property
    def names(self) -> set[str]:
        """The files that it left."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file()
        }


def done(**changes: Any) -> bytes:
    """Return the answer to who follows a job that returned."""
    return line({"result": a_result(**changes)})


def run_in_place(
    server: LineServer | str, folder: Path, patience_s: float = 0, **changes: Any
) -> Run:
    """Have a request run by this process."""
    fields: dict[str, Any] = {
        "service": "test/copy",
        "operation": MESSAGE.read_bytes(),
        "metadata_dir": str(folder),
        **changes,
    }
    address = server if isinstance(server, str) else server.address
    lines: list[str] = []
    dispatcher = Dispatcher(address, patience_s=patience_s)
    code = invoke(Invocation(**fields), dispatcher, Log(lines.append), patience_s)
    return Run(code, [json.loads(text) for text in lines], folder)


def started(
    *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a container; what it prints is read by who waits for it."""
    return subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=None if environment is None else dict(environment),
    )
