"""The real `harpd`, as a process, with procedures that a test wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import attrs

HARPD = (sys.executable, "-m", "harpcaller.worker")
STOP_S = 20
VERB_S = 30


@attrs.define
class Harpd:
    """A running worker: where it listens, and its process."""

    listen: list[str]
    process: subprocess.Popen[bytes]
    log_file: Path
    admin: Path

    @property
    def path(self) -> Path:
        """Its first Unix socket."""
        unix = [word for word in self.listen if word.startswith("unix:")]
        return Path(unix[0].removeprefix("unix:"))

    @property
    def tcp(self) -> tuple[str, int]:
        """Its first TCP address."""
        word = next(word for word in self.listen if not word.startswith("unix:"))
        host, port = word.rsplit(":", 1)
        return host, int(port)

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of its administrator's verbs to its end."""
        return subprocess.run(
            [*HARPD, *words, "--socket", self.admin],
            capture_output=True,
            text=True,
            timeout=VERB_S,
            check=False,
        )

    @property
    def log(self) -> str:
        """What it and its procedures wrote to the standard error."""
        return self.log_file.read_text()


@contextmanager
def running_harpd(
    directory: Path,
    procedures: str,
    *options: str,
    listen: str | None = "",
    environment: Mapping[str, str] | None = None,
    groups: Sequence[int] | None = None,
) -> Iterator[Harpd]:
    """Run harpd until the block ends, on a Unix socket if `listen` names no address.

    It must then stop in order, if it still runs. `options` are more of its command
    line; with `listen` None they say where it listens. `environment` are variables
    beside our own, `groups` are supplementary ones instead of ours.
    """
    file = directory / "procedures.py"
    file.write_text(dedent(procedures))
    words = ["start", "--procedures", str(file), *options]
    if listen is not None:
        words += ["--listen", listen or f"unix:{directory}/worker.sock"]
    log_file, admin = directory / "harpd.log", directory / "admin"
    reading, writing = os.pipe()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*HARPD, "--socket", admin, *words, "--ready-fd", str(writing)],
            stdin=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **(environment or {})},
            pass_fds=[writing],
            extra_groups=groups,
        )
    os.close(writing)
    with _ended_at_last(process):
        with os.fdopen(reading) as ready:
            said = ready.readline()
        assert said, log_file.read_text()
        yield Harpd(json.loads(said)["listen"], process, log_file, admin)
        if process.returncode is None:
            process.terminate()
            assert process.wait(STOP_S) == 0, log_file.read_text()


@contextmanager
def _ended_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
