"""The `harp` command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

LIMIT_S = 30
HARP = (sys.executable, "-m", "harpcaller.client")


def harp_environment(**variables: str) -> Mapping[str, str]:
    """Return our environment without the caller's own dispatcher."""
    ours = {name: text for name, text in os.environ.items() if "HARPCALLER" not in name}
    return ours | variables


def run_harp(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `harp` to its end."""
    return subprocess.run(
        [*HARP, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env=harp_environment(**variables),
    )


def start_harp(*words: str, stdout: int | None = None) -> subprocess.Popen[str]:
    """Start `harp`; whoever starts it ends it."""
    return subprocess.Popen(
        [*HARP, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=harp_environment(),
    )
