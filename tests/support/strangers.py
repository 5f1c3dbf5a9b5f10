"""Users without a name, for procedures that must not be root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

_FIRST = 70000  # above all that systems give out
_SPREAD = 500  # runs at the same time have users of their own: RLIMIT_NPROC counts


def stranger(number: int) -> int:
    """Return the uid, and gid, of one of a few that this run has to itself."""
    return _FIRST + number * _SPREAD + os.getpid() % _SPREAD


def interpreter() -> str | None:
    """Return a Python that strangers can run; ours may be where only root goes."""
    found = (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin"))
    return next((path for path in found if path and _is_for_all(path)), None)


def as_stranger(uid: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody else, who may yet become root, to its end."""
    numbers = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    return subprocess.run(
        ["setpriv", *numbers, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )


def _is_for_all(path: str) -> bool:
    # setpriv itself still has root's rights when it executes: the shell has not.
    words = ["/bin/sh", "-c", '"$0" -I -c ""', path]
    return as_stranger(stranger(0), *words).returncode == 0


def _can_be_parent() -> bool:
    words = [sys.executable, "-P", "-c", "import harpcaller.worker.parent"]
    return as_stranger(stranger(0), *words).returncode == 0


def _why_impossible() -> str:
    if os.geteuid() != 0:
        return "only root can run calls as somebody else"
    if shutil.which("setpriv") is None:
        return "setpriv is not installed"
    if interpreter() is None or not _can_be_parent():
        return "no interpreter that other users can run"
    return ""


needs_strangers = pytest.mark.skipif(
    bool(why := _why_impossible()), reason=why or "it can be run"
)
