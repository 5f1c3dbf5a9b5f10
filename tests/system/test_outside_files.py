"""Files that adapters write: where they may, whole, and for whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from moved_files import KIB, a_save, mode, mover, names, open_folder, unwritten
from no_rights import nobody

from harpcaller.descriptors import count_open
from harpcaller.runners.outside.file_writing import UNFINISHED
from harpcaller.runners.transfers import TransferFailed


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return the directory that is written to."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


async def test_what_is_saved_is_read_again(work: Path) -> None:
    """The directories on the way are made, for us alone."""
    files = mover(work=work)
    umask = os.umask(0)

    await files.save(a_save(work / "job/s1.b0/a 0.json", b"body"), again=False)

    os.umask(umask)
    path = work / "job/s1.b0/a 0.json"
    assert await files.fetch(path.as_uri(), KIB) == b"body"
    assert (mode(path), mode(path.parent), mode(work / "job")) == (0o600, 0o700, 0o700)
    assert names(path.parent) == ["a 0.json"]


async def test_a_group_may_read_and_write_where_workers_do(work: Path) -> None:
    """Workers run as other users."""
    files = mover(work=work, gid=os.getgid())
    umask = os.umask(0o077)

    await files.save(a_save(work / "job/s1/a"), again=False)

    os.umask(umask)
    assert (mode(work / "job/s1/a"), mode(work / "job/s1")) == (0o640, 0o2770)
    assert (work / "job/s1/a").stat().st_gid == os.getgid()


async def test_a_group_that_we_are_not_in_is_given_nothing() -> None:
    """What its readers could not read is not written, and no file stays open."""
    with open_folder() as folder, nobody():
        before = count_open()
        files = mover(work=folder, gid=12345)

        assert await unwritten(files, a_save(folder / "job/a")) == "AccessDenied"
        assert await unwritten(files, a_save(folder / "a")) == "AccessDenied"
        assert count_open() == before
        assert names(folder) == ["job"]


async def test_rights_that_a_crash_left_half_given_are_given(work: Path) -> None:
    """A directory is made first, and then the group's."""
    (work / "job").mkdir(mode=0o700)

    await mover(work=work, gid=os.getgid()).save(a_save(work / "job/a"), again=True)

    assert mode(work / "job") == 0o2770


async def test_a_document_is_replaced_only_if_that_is_asked(work: Path) -> None:
    """What was there stays whole."""
    files = mover(work=work)
    await files.save(a_save(work / "a", b"old"), again=False)

    refused = await unwritten(files, a_save(work / "a", b"new"))
    kept = await files.fetch(str(work / "a"), KIB)
    await files.save(a_save(work / "a", b"new", replace=True), again=False)

    assert (refused, kept) == ("Exists", b"old")
    assert await files.fetch(str(work / "a"), KIB) == b"new"
    assert names(work) == ["a"]


async def test_a_save_that_is_repeated_finds_its_own(work: Path) -> None:
    """After a crash nobody knows whether it was written; another's is not ours."""
    files = mover(work=work)
    await files.save(a_save(work / "a", b"ours"), again=False)

    await files.save(a_save(work / "a", b"ours"), again=True)

    for other in (b"other", b"our", b"ours, and more"):
        save = a_save(work / "a", other)
        assert await unwritten(files, save, again=True) == "Exists"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("{work}/../a", "NotAllowed"),
        ("file://{work}/%2e%2e/a", "NotAllowed"),
        ("{work}", "NotAllowed"),
        ("{work}/", "NotAllowed"),
        ("{work}/.", "NotAllowed"),
        ("{work}/a/", "NotAllowed"),
        ("{work}more/a", "NotAllowed"),
        ("{out}/a", "NotAllowed"),
        ("/a", "NotAllowed"),
        ("{work}/link/a", "NotAllowed"),
        ("{work}/bad", "NotAllowed"),
        ("{work}/file/a", "NotAllowed"),
        ("{work}/folder", "EISDIR"),
        ("{work}/" + "n" * 300, "ENAMETOOLONG"),
        ("https://a/b", "InvalidURI"),
    ],
)
async def test_what_may_not_be_written_is_told_by_a_word(
    work: Path, tmp_path: Path, uri: str, code: str
) -> None:
    """No link is followed: a worker could lead us to what is ours alone."""
    outside = tmp_path / "out"
    outside.mkdir()
    (work / "link").symlink_to(outside)
    (work / "bad").symlink_to(outside / "a")
    (work / "file").write_bytes(b"")
    (work / "folder").mkdir()
    at = uri.replace("{work}", str(work)).replace("{out}", str(outside))

    told = await unwritten(mover(outside, work=work), a_save(at, replace=True))

    assert told == code
    assert names(outside) == []
    assert not [one for one in names(work) if one.startswith(UNFINISHED)]


async def test_where_nothing_is_mounted_nothing_is_made(tmp_path: Path) -> None:
    """Else the machine's own disk is filled in its place."""
    missing = tmp_path / "not-mounted"

    assert await unwritten(mover(work=missing), a_save(missing / "a")) == "NotFound"
    assert not missing.exists()


async def test_two_saves_of_one_file_leave_one_of_the_two(work: Path) -> None:
    """Each writes beside it, under a name of its own."""
    files = mover(work=work)
    bodies = [bytes([65 + number]) * 100_000 for number in range(8)]

    async with trio.open_nursery() as nursery:
        for body in bodies:
            save = a_save(work / "d/a", body, replace=True)
            nursery.start_soon(lambda save: files.save(save, again=False), save)

    assert (work / "d/a").read_bytes() in bodies
    assert names(work / "d") == ["a"]


async def test_a_file_to_send_lies_where_we_write(work: Path, tmp_path: Path) -> None:
    """What may only be read is not sent on."""
    (work / "out.nc").write_bytes(b"0123456789")
    (tmp_path / "other").write_bytes(b"x")
    files = mover(tmp_path, work=work)

    upload = await files.upload(str(work / "out.nc"))
    with pytest.raises(TransferFailed):
        await files.upload(str(tmp_path / "other"))

    try:
        assert upload.size == 10
        assert await upload.read(7, 100) == b"789"
        assert await upload.read(10, 100) == b""
    finally:
        upload.close()
