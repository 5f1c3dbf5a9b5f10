"""Broken configuration files, each with what is said of it in lines that begin #!."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harpcaller.config import ConfigError, load_config

FOLDER = Path(__file__).parents[1] / "broken-configs"
FILES = sorted(path.name for path in FOLDER.iterdir())
SOME = FILES[::8]  # the others are read by the same function, without the process


def expected(name: str) -> list[str]:
    """Return the complaints that a file has in its head."""
    lines = (FOLDER / name).read_text().splitlines()
    return [line.removeprefix("#! ") for line in lines if line.startswith("#! ")]


def copy(name: str, folder: Path) -> Path:
    """Copy all files to where no checkout has given rights away; return one of them."""
    for path in FOLDER.iterdir():
        (folder / path.name).write_text(path.read_text())
        (folder / path.name).chmod(0o600)
    return folder / name


def check(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `harpcallerd check` on a file."""
    command = [sys.executable, "-m", "harpcaller", "check", "--config", str(path)]
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, timeout=30
    )


def test_there_are_enough_of_them() -> None:
    """What operators get wrong is of many kinds."""
    assert len(FILES) >= 30
    assert all(map(expected, FILES))


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_gets_its_complaints(name: str, tmp_path: Path) -> None:
    """Place, key, what was expected there, and the nearest right key."""
    with pytest.raises(ConfigError) as caught:
        load_config(copy(name, tmp_path))

    assert caught.value.lines() == [f"{tmp_path}/{line}" for line in expected(name)]


@pytest.mark.parametrize("name", SOME)
def test_check_prints_them(name: str, tmp_path: Path) -> None:
    """Nothing is started, and nothing that runs is touched."""
    done = check(copy(name, tmp_path))

    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"{tmp_path}/{line}" for line in expected(name)]
    assert done.stderr == ""


def test_check_prints_objects_for_programs(tmp_path: Path) -> None:
    """An editor jumps to the place."""
    path = copy("many-at-once.toml", tmp_path)

    done = check(path, "--json")

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0] == {
        "file": str(path),
        "line": 6,
        "column": 1,
        "key": "lisen",
        "message": "unknown key",
        "did_you_mean": "listen",
    }
    assert len(told) == 5
    assert done.returncode == 1


def test_check_runs_the_registry_script(tmp_path: Path) -> None:
    """A list with a mistake in it would be refused, and the hosts of yesterday kept."""
    script = tmp_path / "hosts"
    script.write_text("#!/bin/sh\necho '{}'\n")
    script.chmod(0o700)
    path = tmp_path / "harpcaller.toml"
    path.write_text('host_db_script = "hosts"\n')
    path.chmod(0o600)

    done = check(path)

    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}: host_db_script: line 1: ")


def test_check_of_a_good_file_warns_at_most(tmp_path: Path) -> None:
    """What is allowed and doubtful does not keep a daemon from starting."""
    path = tmp_path / "harpcaller.toml"
    path.write_text("")
    path.chmod(0o600)

    done = check(path)

    assert done.returncode == 0
    assert done.stdout == (
        "warning: no ca_file, no known_certs_file: any worker is believed\n"
    )
