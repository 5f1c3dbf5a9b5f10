"""The folders of adapters' jobs go with the jobs, and nothing else does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from adapted import Adapted, a_call, an_adapter, outcome_of, submit
from no_rights import nobody
from structlog.testing import capture_logs
from third_adapter import Idle

from harpcaller.adapters.places import Places
from harpcaller.runners.outside.folders import remove_folders
from harpcaller.upkeep import prune_once
from protocol.job import JobId

OTHER = "11111111-2222-4333-8444-555555555555"


def a_world(work: Path) -> Adapted:
    """Return an adapter that writes to a directory."""
    places = Places(work_dir=str(work))
    return Adapted(an_adapter(lambda *_: Idle()), more={"places": places})


def fill(folder: Path) -> None:
    """Make a folder with something in it."""
    (folder / "s1.b0").mkdir(parents=True)
    (folder / "s1.b0" / "catalog.json").write_text("{}")


def names(folder: Path) -> list[str]:
    """Return what is in a directory."""
    return sorted(each.name for each in folder.iterdir())


async def run_job(world: Adapted, work: Path) -> JobId:
    """Run a job that leaves a folder, prune it, and return its id."""
    async with world.life() as dispatcher:
        job_id = await submit(dispatcher, a_call())
        await outcome_of(dispatcher, job_id)
        fill(work / job_id)
        assert await prune_once(world.store, dispatcher.adapters, 0) == 0
        assert (work / job_id).is_dir()
        later = trio.current_time() + 1
        assert await prune_once(world.store, dispatcher.adapters, later) == 1
    return job_id


async def test_a_folder_goes_with_its_job(tmp_path: Path) -> None:
    """Another dispatcher may write to the same directory: what is its stays."""
    fill(tmp_path / OTHER)
    fill(tmp_path / "notes")

    job_id = await run_job(a_world(tmp_path), tmp_path)

    assert not (tmp_path / job_id).exists()
    assert names(tmp_path) == [OTHER, "notes"]


async def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    """What it leads to is no job's."""
    work, data = tmp_path / "work", tmp_path / "data"
    work.mkdir()
    fill(data)
    fill(work / "job")
    (work / "job" / "link").symlink_to(data)
    (work / OTHER).symlink_to(data)
    installed = [a_world(work).installed()]

    await remove_folders(installed, [JobId(OTHER), JobId("job"), JobId("none")])

    assert names(work) == [OTHER]
    assert (data / "s1.b0" / "catalog.json").exists()


async def test_adapters_that_write_nowhere_have_no_folders(tmp_path: Path) -> None:
    """There is nothing to look for."""
    installed = Adapted(an_adapter(lambda *_: Idle())).installed()

    await remove_folders([installed], [JobId(OTHER)])

    assert names(tmp_path) == []


async def test_what_cannot_be_removed_is_told() -> None:
    """A worker may have made directories that are its own alone."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        fill(work / OTHER)
        for path in (work, work / OTHER, work / OTHER / "s1.b0"):
            path.chmod(0o555)
        with nobody(), capture_logs() as logs:
            await remove_folders([a_world(work).installed()], [JobId(OTHER)])
        for path in (work, work / OTHER, work / OTHER / "s1.b0"):
            path.chmod(0o755)

        assert (work / OTHER / "s1.b0" / "catalog.json").exists()

    [line] = logs
    assert (line["event"], line["job_id"]) == ("folder.kept", OTHER)
    assert "Permission denied" in line["reason"]


@contextmanager
def shut_folder() -> Iterator[Path]:
    """Give a directory that nobody may look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0)
        yield Path(folder)
        Path(folder).chmod(0o700)


async def test_a_directory_that_is_shut_keeps_nobody_from_pruning() -> None:
    """It may be another's, or on a server that is away."""
    with shut_folder() as folder, nobody(), capture_logs() as logs:
        await remove_folders([a_world(folder).installed()], [JobId(OTHER)])

    assert [line["event"] for line in logs] == ["folder.kept"]
