"""Snakemake as it is on PyPI, away from our own packages, and a workflow to run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
from peers import installed

LIMIT_S = 120  # an import of all of it takes a busy machine long

# Rule b is one of the commands below; rule c comes behind it.
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
GOES = "touch b.txt"


@attrs.frozen
class Snakemake:
    """One version, what it is installed of, and how it is told of a monitor."""

    version: str
    requirements: Sequence[str]
    monitor: Sequence[str]

    def start(self, folder: Path, url: str, b: str) -> subprocess.Popen[str]:
        """Run the workflow in a new folder, its second rule a command."""
        peer = installed(f"snakemake-{self.version}", *self.requirements)
        folder.mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE.format(b=b))
        words = ["-s", "Snakefile", "-c2", *self.monitor, url]
        return subprocess.Popen(
            [sys.executable, "-S", "-m", "snakemake", *words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(peer.folder),
                "HOME": str(folder),
            },
        )


_PLUGIN = ("--logger", "panoptes", "--logger-panoptes-address")

SEVEN = Snakemake("7", ("snakemake==7.32.4", "pulp<2.8"), ("--wms-monitor",))
NINE = Snakemake(
    "9", ("snakemake==9.27.1", "snakemake-logger-plugin-panoptes==0.3.0"), _PLUGIN
)
"""Those that CI runs."""
SEVEN_FORM = Snakemake("7.30", ("snakemake==7.30.2", "pulp<2.8"), ("--wms-monitor",))
EIGHT = Snakemake("8", ("snakemake==8.30.0",), ("--wms-monitor",))
"""Those that a campaign runs as well."""
