"""The wheels that a package is made of: our own, built here, and what it leans on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]


def epoch() -> int:
    """Return the moment that all is of: the same commit then gives the same bytes.

    Without one it is that of hatchling.
    """
    return int(os.environ.get("SOURCE_DATE_EPOCH", "1580601600"))


def own_wheel(folder: Path) -> Path:
    """Build our own wheel, from this tree."""
    build = (sys.executable, "-m", "hatchling", "build")
    done = subprocess.run(
        [*build, "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    [wheel] = folder.glob("*.whl")
    return wheel


def described_by(wheel: Path) -> Distribution:
    """Return the metadata of a wheel."""
    [found] = distributions(path=[str(wheel)])
    return found


def comparable(name: str) -> str:
    """Return a name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
