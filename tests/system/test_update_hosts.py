"""The example of a registry script."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harpcaller.hosts.lines import read_hosts

EXAMPLE = Path(__file__).parents[2] / "etc" / "update-hosts"


def run(table: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the example on a table."""
    environment = {**os.environ, "HARPCALLER_HOSTS": str(table)}
    return subprocess.run(
        [EXAMPLE], env=environment, capture_output=True, timeout=30, check=False
    )


def test_the_example_lists_hosts(tmp_path: Path) -> None:
    """People copy it, so it has to work."""
    table = tmp_path / "hosts.table"
    table.write_text("# all of them\nweb01 192.0.2.1 4306 user secret # one\n\n")

    ran = run(table)

    [host] = read_hosts(ran.stdout).hosts
    assert (host.name, str(host.address)) == ("web01", "192.0.2.1:4306")
    assert (host.user, host.password) == ("user", "secret")


def test_the_example_fails_where_it_should(tmp_path: Path) -> None:
    """With a half-read table the dispatcher must keep what it has."""
    table = tmp_path / "hosts.table"
    table.write_text("web01 192.0.2.1 4306 user secret\nweb02\n")

    assert run(table).returncode != 0
    assert run(tmp_path / "absent").returncode != 0
