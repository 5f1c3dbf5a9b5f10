"""Snakemake as it is on PyPI, in environments of its own, and a workflow to run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

ENVIRONMENTS = Path(__file__).parents[2] / ".venv"
LIMIT_S = 60

# Rule b waits for a file, or fails; rule c comes behind it.
SNAKEFILE = """
rule all:
    input: "c.txt"
rule a:
    output: "a.txt"
    shell: "echo hello > a.txt"
rule b:
    input: "a.txt"
    output: "b.txt"
    shell: {b!r}
rule c:
    input: "b.txt"
    output: "c.txt"
    shell: "cp b.txt c.txt"
"""
WAITS = "touch begun; while [ ! -e go ]; do sleep 0.05; done; touch b.txt"
FAILS = "exit 3"


@attrs.frozen
class Snakemake:
    """One version, and how it is told of a monitor."""

    version: str
    monitor: Sequence[str]

    @property
    def program(self) -> Path:
        """Where `make test` puts it; see requirements/peers."""
        return ENVIRONMENTS / f"snakemake-{self.version}" / "bin" / "snakemake"

    def start(self, folder: Path, url: str | None, b: str) -> subprocess.Popen[str]:
        """Run the workflow in a new folder; without `url` nobody monitors it."""
        folder.mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE.format(b=b))
        told = [] if url is None else [*self.monitor, url]
        return subprocess.Popen(
            [self.program, "-s", "Snakefile", "-c2", *told],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        )


SNAKEMAKES = (
    Snakemake("7", ("--wms-monitor",)),
    Snakemake("9", ("--logger", "panoptes", "--logger-panoptes-address")),
)


def needs(snakemake: Snakemake) -> None:
    """Skip a test for whose sake nobody has installed it."""
    if not snakemake.program.exists():
        pytest.skip(f"no {snakemake.program}: make test installs it")
