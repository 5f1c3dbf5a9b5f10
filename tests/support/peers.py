"""Programs of others, from PyPI: each in a folder of its own, made once.

They bring releases that are not ours, so that nothing of theirs is beside our own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

INSTALL_S = 240
_INSTALLERS = ("uv", "pip")  # the first one that is here; uv takes a tenth of the time


@attrs.frozen
class Peer:
    """Packages, and the Python that finds them and nothing else."""

    folder: Path

    def run(
        self,
        *words: str | Path,
        cwd: Path,
        within_s: float = 60,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with these words to its end."""
        return subprocess.run(
            [sys.executable, "-S", *words],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], **environment, **self._found()},
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def start(
        self, *words: str | Path, cwd: Path, log: Path, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start Python with these words; what it says goes to `log`."""
        with log.open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-S", *words],
                cwd=cwd,
                env={"PATH": os.environ["PATH"], **environment, **self._found()},
                stdout=said,
                stderr=said,
            )

    def _found(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder), "HOME": str(self.folder)}


def installed(name: str, *requirements: str) -> Peer:
    """Return the packages, installed now if they are not here yet.

    The test is skipped where they cannot be had.
    """
    text = "\n".join([*requirements, sys.version])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = Path(sys.prefix) / "peers" / f"{name}-{digest}"
    if not folder.exists():
        # Whoever is first is: two tests may want them at once.
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        _install(making, requirements)
        try:
            making.rename(folder)
        except OSError:
            shutil.rmtree(making)
    return Peer(folder)


def _install(folder: Path, requirements: Sequence[str]) -> None:
    installer = next(word for word in _INSTALLERS if importlib.util.find_spec(word))
    words = [] if installer == "uv" else ["--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-m", installer]
    command += ["pip"] if installer == "uv" else []
    command += ["install", "--quiet", *words, "--target", str(folder), *requirements]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"cannot be installed: {done.stderr[-500:]}")
