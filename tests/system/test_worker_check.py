"""`harpd check` names what would keep a worker from serving as it is told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from harpd_process import HARPD

WITHOUT_POWERS = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
PROCEDURES = """
    from harpcaller.worker import procedure

    @procedure(uid="nobody")
    def who():
        return 1
"""
FINE = """
listen = ["unix:{directory}/socket"]
procedures = "{directory}/procedures.py"
"""


def check(
    directory: Path, config: str, *words: str, below: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the check of a configuration with these procedures to its end."""
    (directory / "procedures.py").write_text(dedent(PROCEDURES))
    (directory / "harpd.toml").write_text(config.format(directory=directory))
    return subprocess.run(
        [*below, *HARPD, "check", "--config", str(directory / "harpd.toml"), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd="/",
    )


def needs_root() -> None:
    """Skip the test where nobody may become another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can run it as another user")


def test_nothing_is_said_of_what_is_fine(tmp_path: Path) -> None:
    """As other checkers: silence, and status 0."""
    needs_root()
    done = check(tmp_path, FINE)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_listens_nowhere_and_leaves_nothing(tmp_path: Path) -> None:
    """A worker may be running by the same settings."""
    check(tmp_path, FINE)

    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"harpd.toml", "procedures.py"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("listen = [", "harpd.toml: "),
        ('lisen = "unix:/x"', 'unknown key "lisen", did you mean "listen"?'),
        (FINE + 'cert_file = "/no/cert"\nkey_file = "/no/key"', "cert_file"),
        (FINE + '[defaults]\ncwd = "/no"', '[defaults]: cwd "/no" is no directory'),
        (FINE + '[defaults]\nuser = "no-one"', '[defaults]: no user "no-one"'),
        (
            FINE + '[[procedure]]\nname = "a"\nargv = ["/x"]\nuser = "no-one"',
            'procedure "a": no user "no-one"',
        ),
        (
            FINE + '[[procedure]]\nname = "who"\nargv = ["/x"]',
            'procedures were not loaded: two procedures are named "who"',
        ),
        (
            FINE.replace("procedures.py", "none.py"),
            "procedures were not loaded: {directory}/none.py: No such file",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, config: str, said: str) -> None:
    """Before the worker that runs is stopped for it."""
    done = check(tmp_path, config)

    assert done.returncode == 1
    assert said.format(directory=tmp_path) in done.stdout


def test_what_needs_root_is_named(tmp_path: Path) -> None:
    """Who starts it as himself finds out here, not at the first call."""
    needs_root()
    more = '[[procedure]]\nname = "a"\nargv = ["/x"]\ngroups = ["users"]\n'

    done = check(tmp_path, FINE + more, below=WITHOUT_POWERS)

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        'procedure "who": only root can run calls as another user or group',
        'procedure "a": only root can give calls supplementary groups',
    ]


def test_scripts_read_a_line_of_json_for_each(tmp_path: Path) -> None:
    """No one has to parse sentences."""
    done = check(tmp_path, FINE + '[defaults]\ncwd = "/no"', "--json")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == [{"problem": '[defaults]: cwd "/no" is no directory'}]
