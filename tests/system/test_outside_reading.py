"""Files that adapters read: where they may, and nowhere else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from moved_files import KIB, a_save, mover, unread, unwritten

from harpcaller.runners.transfers import TransferFailed


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
