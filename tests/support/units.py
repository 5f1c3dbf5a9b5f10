"""Units for systemd as they are in the tree, and what systemd says of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "etc" / "systemd"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def setting(unit: Path, name: str) -> str:
    """Return what a unit says of a key that it has once."""
    [value] = re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)
    return str(value)


def with_examples(text: str) -> str:
    """Return a unit with the lines in force that it only shows."""
    return re.sub(r"^#(?=[A-Z]\w+=)", "", text, flags=re.MULTILINE)


def verify(directory: Path, units: Mapping[str, str]) -> str:
    """Return what systemd says of units, by name; it ignores what it does not know."""
    copies = [directory / name for name in units]
    for copy, text in zip(copies, units.values(), strict=True):
        # What is run has to be there, the page not: that one is seen elsewhere.
        copy.write_text(re.sub(r"/usr/bin/harp\w+", sys.executable, text))
    return _analyze("verify", "--man=no", *map(str, copies))


def exposure_of(unit: Path) -> float:
    """Return systemd's figure for what a service could do to the machine, 0 to 10."""
    said = _analyze("security", "--offline=true", "--no-pager", str(unit))
    [figure] = re.findall(r"Overall exposure level for \S+: ([0-9.]+) ", said)
    return float(figure)


def _analyze(*words: str) -> str:
    command: Sequence[str] = ["systemd-analyze", *words]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout
