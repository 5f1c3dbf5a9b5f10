"""A worker with Harmony services that could not be served: told before a call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from harmony_worker import KEY
from harpd_process import HARPD

CHECK = """
listen = "unix:{directory}/socket"
[[procedure]]
name = "a"
kind = "harmony_http"
url_allow = ["http://localhost:*/"]
data_dir = "{directory}"
secret_key_file = "{directory}/key"
"""
WITH_S3 = """
listen = "unix:{directory}/socket"
[[procedure]]
name = "a"
kind = "harmony_cli"
argv = ["x"]
s3_allow = ["s3:"]
"""
WITHOUT = (
    "import sys; sys.modules['{name}'] = None; "
    "from harpcaller.worker.cli import main; sys.exit(main())"
)


def test_a_folder_that_is_not_there_is_told_before_a_call(tmp_path: Path) -> None:
    """Every call would fail of it."""
    config = CHECK.format(directory=tmp_path).replace('data_dir = "', 'data_dir = "/no')
    (tmp_path / "harpd.toml").write_text(config)
    (tmp_path / "key").touch(mode=0o600)

    done = subprocess.run(
        [*HARPD, "check", "--config", tmp_path / "harpd.toml"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    assert f'procedure "a": "/no{tmp_path}" is no directory' in done.stdout


@pytest.mark.parametrize(
    ("command", "key", "said"),
    [
        (HARPD, "short", "shared secret key must be 32 bytes"),
        (
            (sys.executable, "-c", WITHOUT.format(name="nacl")),
            KEY,
            "tokens cannot be opened without PyNaCl",
        ),
    ],
)
def test_a_worker_that_could_not_serve_does_not_start(
    tmp_path: Path, command: tuple[str, ...], key: str, said: str
) -> None:
    """E25, and a package that is missing: told now, not call by call."""
    (tmp_path / "harpd.toml").write_text(CHECK.format(directory=tmp_path))
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)

    done = subprocess.run(
        [*command, "start", "--config", tmp_path / "harpd.toml"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    assert f'[[procedure]] "a": "secret_key_file": {said}' in done.stderr


def test_a_worker_that_cannot_read_s3_does_not_start(tmp_path: Path) -> None:
    """Each call would have its service do the work for nothing."""
    (tmp_path / "harpd.toml").write_text(WITH_S3.format(directory=tmp_path))
    code = WITHOUT.format(name="boto3")

    done = subprocess.run(
        [sys.executable, "-c", code, "start", "--config", tmp_path / "harpd.toml"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    assert '"s3_allow": S3 cannot be read without boto3' in done.stderr
