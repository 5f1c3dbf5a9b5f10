"""What a request of Harmony has in the work directory: whose it is, how long."""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from harmony_daemon import HarmonyDaemon, running_harmony

from indira.client import AdminClient

GROUP = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture(scope="module")
def harmony(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarmonyDaemon]:
    """Run a dispatcher whose workers are in a group with it."""
    table = f'work_group = "{GROUP}"\n'
    folder = tmp_path_factory.mktemp("harmony")
    with running_harmony(folder, table, shared=True) as running:
        yield running


def run(harmony: HarmonyDaemon) -> Path:
    """Have a request carried out; return its folder."""
    job_id = harmony.submit("test/copy", harmony.message("async-2.json"))
    assert "result" in harmony.outcome(job_id)
    return harmony.work_dir / job_id


def rights(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_workers_of_the_group_may_read_and_write(harmony: HarmonyDaemon) -> None:
    """They run as other users: catalogs are read, results are written beside."""
    folder = run(harmony)

    saved = [path for path in folder.rglob("*") if "/a0/" not in f"{path}/"]
    files = {rights(path) for path in saved if path.is_file()}
    folders = {rights(path) for path in (folder, *saved) if path.is_dir()}
    assert (files, folders) == ({0o640}, {0o2770})


def test_the_folder_of_a_request_goes_with_its_job(harmony: HarmonyDaemon) -> None:
    """What others have in the directory stays."""
    folder = run(harmony)
    (harmony.work_dir / "notes").mkdir()

    with AdminClient(harmony.daemon.admin_socket, timeout_s=30) as client:
        reply = client.send("prune_jobs", max_age=0)

    assert reply["result"] == "ok"
    assert not folder.exists()
    assert (harmony.work_dir / "notes").is_dir()
