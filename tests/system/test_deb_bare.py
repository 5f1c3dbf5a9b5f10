"""The Debian package on the least of Debians: what it says that it needs is enough."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from borrowed_machine import borrowed_machine
from packages import built, needs_packer

pytestmark = [needs_packer, pytest.mark.campaign, pytest.mark.timeout(1200)]


@pytest.fixture
def bare_disk(tmp_path: Path) -> Path:
    """A disk with the least Debian 12 that has Python and systemd, from its mirror."""
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    disk = tmp_path / "bare"
    wanted = ["--variant=minbase", "--include=python3,systemd"]
    subprocess.run(
        ["debootstrap", *wanted, "bookworm", disk], check=True, capture_output=True
    )
    return disk


def test_it_needs_no_more_than_it_says(bare_disk: Path, tmp_path: Path) -> None:
    """A developer's machine has more, and would hide what is missing in `depends`."""
    package = built("deb.py", tmp_path / "built")
    machine_place = tmp_path / "machine"
    machine_place.mkdir()

    with borrowed_machine(machine_place, bare_disk) as machine:
        machine.install(package)
        machine.run("sh", "-c", "harpcallerd start --dev >/tmp/trial.log 2>&1 &")
        machine.run("harpcallerd", "status", "--wait", "--timeout", "30")
        assert machine.run("harp", "call", "localhost", "echo", "[1]") == "[1]\n"
        machine.run("harpcallerd", "stop")
        machine.run("dpkg", "--purge", "harpcaller")
        assert machine.run("find", "/etc", "/usr", "/var", "-name", "*harp*") == ""
