"""A dispatcher that dies while it writes a file: there is all of it, or what was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harpcaller.runners.outside.file_writing import UNFINISHED, Desk, write_below

OLD, NEW = b"old", b"new" * 9999
WRITER = """
import sys
from harpcaller.runners.outside.file_writing import Desk, write_below
write_below(Desk(folder=sys.argv[1]), sys.argv[2], b"new" * 9999, replace=True)
"""
pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed"
)
STEPS = [("mkdir", 1), ("fsync", 1), ("fsync", 2), ("fsync", 3), ("rename", 1)]


def fails_at(
    call: str, number: int, work: Path, path: Path, fault: str = "signal=KILL"
) -> bool:
    """Write NEW in a process that is killed at its n-th system call of a kind."""
    calls = f"/^{call}(at|at2)?$"
    tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    inject = ["-e", f"inject={calls}:{fault}:when={number}"]
    writer = [sys.executable, "-c", WRITER, str(work), str(path)]
    done = subprocess.run(
        [*tracer, *inject, *writer],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        timeout=60,
    )
    return done.returncode != 0


@pytest.mark.parametrize(("call", "number"), STEPS)
def test_a_writer_that_is_killed_leaves_no_half_file(
    tmp_path: Path, call: str, number: int
) -> None:
    """Whoever reads it meanwhile, or after a restart, would take it for the whole."""
    path = tmp_path / "job" / "a"
    if call != "mkdir":
        write_below(Desk(folder=str(tmp_path)), str(path), OLD, replace=False)

    died = fails_at(call, number, tmp_path, path)

    assert died
    assert (path.read_bytes() if path.exists() else OLD) in {OLD, NEW}
    write_below(Desk(folder=str(tmp_path)), str(path), NEW, replace=True)
    assert path.read_bytes() == NEW
    others = [each.name for each in path.parent.iterdir() if each != path]
    assert all(name.startswith(UNFINISHED) for name in others)


@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC"])
def test_what_is_not_durable_is_not_said_to_be(tmp_path: Path, fault: str) -> None:
    """Who was told so would not write it again."""
    path = tmp_path / "a"

    assert fails_at("fsync", 1, tmp_path, path, fault)
    assert list(tmp_path.iterdir()) == []
