"""This machine once more: programs may be installed on it, and it is gone afterwards.

Its disk is ours with a layer in memory above it. It has processes, a network of
loopback alone, and a /run of its own; systemd does not run on it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from private_machine import LOOPBACK_UP

DEBIAN_PYTHON = Path("/usr/bin/python3.11")
COMMAND_S = 120
_UNSHARE = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
# All of it is in this namespace, and goes with the last process in it.
_PREPARE = """set -e
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/written" "$1/work" "$1/root"
layers="lowerdir=/,upperdir=$1/written,workdir=$1/work"
mount -t overlay -o "$layers" none "$1/root"
mount -t proc none "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs -o mode=0755 none "$1/root/run"
chroot "$1/root" /usr/bin/python3 -c "$2"
# Else man-db looks at all pages each time: half of what an installation takes.
rm -f "$1/root/var/lib/man-db/auto-update"
echo ready
exec cat
"""


@attrs.frozen
class BorrowedMachine:
    """Where its disk is seen from here, and how to get in."""

    root: Path
    enter: tuple[str, ...]

    def run(self, *words: str) -> str:
        """Run a command there as root; return what it said once it has succeeded."""
        done = self.attempt(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def attempt(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as root; what it said of errors is among the rest."""
        return subprocess.run(
            [*self.enter, *words],
            # As after a login: nothing of the tests' own environment.
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )

    def at(self, path: str) -> Path:
        """Return where a file of that machine is seen from here."""
        return self.root / path.removeprefix("/")

    def install(self, package: Path) -> str:
        """Have dpkg install a package."""
        shutil.copy(package, self.at("/srv"))
        # confold: whoever is asked, keeps his file; nobody can be asked here.
        return self.run("dpkg", "--force-confold", "--install", f"/srv/{package.name}")


@contextmanager
def borrowed_machine(directory: Path) -> Iterator[BorrowedMachine]:
    """Have such a machine while the block runs; skip the test where none can be."""
    if os.geteuid() or not DEBIAN_PYTHON.exists() or not shutil.which("dpkg"):
        pytest.skip("needs root on a Debian with its own Python 3.11")
    with subprocess.Popen(
        [*_UNSHARE, "sh", "-c", _PREPARE, "sh", directory, LOOPBACK_UP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        if first.stdout.readline() != "ready\n":
            pytest.skip("no layered file system (overlay) on this machine")
        spaces = f"/proc/{first.pid}/ns"
        enter = ("nsenter", f"--mount={spaces}/mnt", f"--net={spaces}/net")
        inside = (f"--pid={spaces}/pid_for_children", "chroot", f"{directory}/root")
        seen = Path(f"/proc/{first.pid}/root{directory}/root")
        try:
            yield BorrowedMachine(seen, (*enter, *inside))
        finally:
            first.kill()
