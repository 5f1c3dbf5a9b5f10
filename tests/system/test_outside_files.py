"""Files that adapters read and write: where they may, and nowhere else."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import trio

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.file_writing import UNFINISHED, Desk
from harpcaller.runners.outside.files import FileMover
from harpcaller.runners.transfers import TransferFailed

KIB = 1024


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return the directory that is written to."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def mover(
    *folders: Path, work: Path | None = None, gid: int | None = None
) -> FileMover:
    """Return a mover that reads in some folders, and writes to one."""
    desk = None if work is None else Desk(folder=str(work), gid=gid)
    return FileMover(tuple(map(str, folders)), desk)


def a_save(path: Path | str, body: bytes = b"{}", **more: Any) -> Save:
    """Return a Save."""
    uri = path if isinstance(path, str) else path.as_uri()
    return Save(key="s", uri=uri, body=body, **more)


async def unread(files: FileMover, uri: str, max_bytes: int = KIB) -> str:
    """Return why a file is not read; nothing may hang."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await files.fetch(uri, max_bytes)
    return caught.value.code


async def unwritten(files: FileMover, save: Save, *, again: bool = False) -> str:
    """Return why a file is not written."""
    with trio.fail_after(30), pytest.raises(TransferFailed) as caught:
        await files.save(save, again=again)
    return caught.value.code


def names(folder: Path) -> list[str]:
    """Return what is in a directory."""
    return [each.name for each in folder.iterdir()]


def mode(path: Path) -> int:
    """Return the rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)


# ── reading ──
@pytest.mark.parametrize("name", ["a", "with space", "per%20cent", "é", "a;b=c"])
async def test_a_file_is_read_by_url_or_path(tmp_path: Path, name: str) -> None:
    """Harmony says both; a URL is decoded once, a path not at all."""
    (tmp_path / name).write_bytes(b"body")
    files = mover(tmp_path)

    by_url = await files.fetch((tmp_path / name).as_uri(), 4)
    by_path = await files.fetch(str(tmp_path / name), 4)

    assert (by_url, by_path) == (b"body", b"body")


async def test_a_long_file_is_refused_unread(tmp_path: Path) -> None:
    """What is as long as it may be is read."""
    with (tmp_path / "long").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "just").write_bytes(bytes(KIB))
    files = mover(tmp_path)

    assert await unread(files, str(tmp_path / "long")) == "TooLarge"
    assert len(await files.fetch(str(tmp_path / "just"), KIB)) == KIB


async def test_a_file_that_tells_no_size_is_bounded_too() -> None:
    """Files of /proc have a size of 0 and go on."""
    files = mover(Path("/proc/self"))

    assert await unread(files, "/proc/self/maps", 100) == "TooLarge"
    assert await files.fetch("/proc/self/comm", KIB)


async def test_links_are_followed_and_judged_by_where_they_lead(tmp_path: Path) -> None:
    """A worker may make links in the directory that it shares with us."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "file").write_bytes(b"in")
    (outside / "file").write_bytes(b"out")
    (inside / "good").symlink_to("file")
    (inside / "bad").symlink_to(outside / "file")
    (inside / "folder").symlink_to(outside)
    files = mover(inside)

    assert await files.fetch(str(inside / "good"), KIB) == b"in"
    assert await unread(files, str(inside / "bad")) == "NotAllowed"
    assert await unread(files, str(inside / "folder" / "file")) == "NotAllowed"
    assert (
        await unread(files, "/proc/self/root" + str(outside / "file")) == "NotAllowed"
    )


async def test_an_allowed_directory_may_be_a_link(tmp_path: Path) -> None:
    """Data directories are mounted somewhere and linked to."""
    (tmp_path / "disk7").mkdir()
    (tmp_path / "disk7" / "a").write_bytes(b"a")
    (tmp_path / "data").symlink_to("disk7")

    assert await mover(tmp_path / "data").fetch(str(tmp_path / "data/a"), 1) == b"a"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("file:///etc/hostname", "NotAllowed"),
        ("/etc/hostname", "NotAllowed"),
        ("{in}/../in/a", "NotAllowed"),
        ("{in}/%2e%2e/in/a", "NotFound"),  # a path is not decoded
        ("file://{in}/%2e%2e/in/a", "NotAllowed"),
        ("{in}more/a", "NotAllowed"),
        ("{in}", "NotAllowed"),
        ("{in}/", "NotAllowed"),
        ("{in}/a/", "NotAllowed"),
        ("{in}/none", "NotFound"),
        ("{in}/fifo", "NotAllowed"),
        ("{in}/socket", "NotAllowed"),
        ("{in}/null", "NotAllowed"),
        ("{in}/loop", "NotAllowed"),
        ("{in}/" + "n" * 300, "ENAMETOOLONG"),
        ("{in}/a\0", "InvalidURI"),
        ("file://elsewhere{in}/a", "InvalidURI"),
        ("file:{in}/a?x", "InvalidURI"),
        ("file:{in}/a#x", "InvalidURI"),
        ("file://[{in}/a", "InvalidURI"),
        ("file:a", "InvalidURI"),
        ("file:", "InvalidURI"),
        ("FILES:/a", "InvalidURI"),
        ("{in}/\ud800", "InvalidURI"),
        ("", "InvalidURI"),
        ("a", "InvalidURI"),
    ],
)
async def test_what_may_not_be_read_is_told_by_a_word(
    tmp_path: Path, uri: str, code: str
) -> None:
    """Nothing waits for who would write to a pipe, and no device is opened."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    (tmp_path / "inmore").mkdir()
    (tmp_path / "inmore" / "a").write_bytes(b"a")
    os.mkfifo(folder / "fifo")
    (folder / "null").symlink_to("/dev/null")
    (folder / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))

        told = await unread(mover(folder), uri.replace("{in}", str(folder)))

    assert told == code


async def test_a_refusal_tells_no_path(tmp_path: Path) -> None:
    """Texts reach Harmony's users."""
    with pytest.raises(TransferFailed) as caught:
        await mover(tmp_path).fetch(str(tmp_path / "none"), 1)

    assert caught.value.text == "the file cannot be used: No such file or directory"


async def test_without_directories_nothing_is_read_or_written(tmp_path: Path) -> None:
    """An adapter that tells no places has none."""
    (tmp_path / "a").write_bytes(b"a")
    files = mover()

    assert await unread(files, str(tmp_path / "a")) == "NotAllowed"
    assert await unwritten(files, a_save(tmp_path / "b")) == "NotAllowed"
    with pytest.raises(TransferFailed):
        await files.upload(str(tmp_path / "a"))


# ── writing ──
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
