"""Commands in a machine of their own: no network but loopback, an empty /run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
_UNSHARE = ["unshare", "--map-root-user", "--net", "--mount"]
# For python3 -c. ip(8) is not on every machine: SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
LOOPBACK_UP = """
import fcntl, socket, struct
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x41))
"""
_PREPARE = f"mount -t tmpfs none /run && \"$PYTHON\" -c '{LOOPBACK_UP}'"


def is_possible() -> bool:
    """Tell whether this machine lets us make another."""
    if shutil.which("unshare") is None:
        return False
    trial = [*_UNSHARE, "bash", "-c", _PREPARE]
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run(trial, env=environment, check=False).returncode == 0


def run(script: str, home: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a bash script there, with our commands in PATH and `home` as its home."""
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(home),
    }
    environment.pop("XDG_STATE_HOME", None)
    return subprocess.run(
        [*_UNSHARE, "bash", "-c", f"{_PREPARE}\nset -e\n{script}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


needs_private_machine = pytest.mark.skipif(
    not is_possible(), reason="no namespaces (unshare) on this machine"
)
