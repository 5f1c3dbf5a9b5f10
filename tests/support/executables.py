"""A `harpd` with executables that a test wrote, each a few lines of Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

from harp_peer import a_call, connect, converse, packets_of
from harpd_process import Harpd, running_harpd

from protocol.harp import Ended
from protocol.jsontext import decode
from protocol.outcome import Failed, Outcome, Raised, Returned

PYTHON = (sys.executable, "-IS", "-c")  # nothing of ours is loaded, and so it is quick


def program(code: str, *words: str) -> str:
    """Return the key `argv` of a table: a program of Python, and its words."""
    return f"argv = {json.dumps([*PYTHON, dedent(code), *words])}\n"


@contextmanager
def running_executables(
    directory: Path, config: str, scripts: Mapping[str, str] | None = None
) -> Iterator[Harpd]:
    """Run harpd until the block ends; `scripts` are the files of its procedures_dir."""
    folder, file = directory / "procedures.d", directory / "harpd.toml"
    folder.mkdir(mode=0o755)
    for name, code in (scripts or {}).items():
        script = folder / name
        script.write_text(f"#!{' '.join(PYTHON[:2])}\n{dedent(code)}")
        script.chmod(0o755)
    file.write_text(f"procedures_dir = {json.dumps(str(folder))}\n{config}")
    with running_harpd(directory, "", "--config", str(file)) as worker:
        yield worker


async def call(
    worker: Harpd, procedure: str, *args: Any, **kwargs: Any
) -> tuple[list[Any], Outcome]:
    """Return what a call streamed, and how it ended."""
    async with connect(worker.path) as stream:
        events = await converse(stream, a_call(procedure, *args, **kwargs))
    assert isinstance(events[-1], Ended)
    return packets_of(events), events[-1].outcome


async def result(worker: Harpd, procedure: str, *args: Any, **kwargs: Any) -> Any:
    """Return the value that a call returned."""
    _, outcome = await call(worker, procedure, *args, **kwargs)
    assert isinstance(outcome, Returned), outcome
    return decode(outcome.value)


async def exception(worker: Harpd, procedure: str, *args: Any) -> tuple[str, str, Any]:
    """Return type, message and data of what a call raised."""
    _, outcome = await call(worker, procedure, *args)
    assert isinstance(outcome, Raised), outcome
    data = None if outcome.data is None else decode(outcome.data)
    return outcome.type, outcome.message, data


async def refusal(worker: Harpd, procedure: str, *args: Any) -> tuple[str, str]:
    """Return why a call was not run."""
    _, outcome = await call(worker, procedure, *args)
    assert isinstance(outcome, Failed), outcome
    return outcome.type, outcome.message
