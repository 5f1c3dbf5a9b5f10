"""etc/procedures.d: executables that people begin theirs with, called through harpd."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harp_peer import a_call, connect, converse, packets_of
from harpd_process import Harpd, running_harpd

from protocol.harp import Ended
from protocol.jsontext import decode
from protocol.outcome import Outcome, Raised, Returned

FOLDER = Path(__file__).parents[2] / "etc" / "procedures.d"


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Return a worker that offers what is in the folder."""
    directory = tmp_path_factory.mktemp("harpd")
    copies = directory / "procedures.d"
    copies.mkdir(mode=0o755)
    for path in FOLDER.iterdir():
        copy = Path(shutil.copy(path, copies))
        copy.chmod(copy.stat().st_mode & ~0o022)  # as somebody's umask made it
    config = directory / "harpd.toml"
    config.write_text(f'procedures_dir = "{copies}"\n')
    with running_harpd(directory, "", "--config", str(config)) as worker:
        yield worker


async def call(harpd: Harpd, name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Return what was streamed, and how it ended."""
    async with connect(harpd.path) as stream:
        events = await converse(stream, a_call(name, *args, **kwargs))
    assert isinstance(events[-1], Ended)
    return packets_of(events), events[-1].outcome


def has_status(outcome: Outcome, status: int, said: str) -> bool:
    """Tell whether an executable ended with a status, and said why."""
    assert isinstance(outcome, Raised)
    assert outcome.data is not None
    data = decode(outcome.data)
    assert isinstance(data, dict)
    return data["exit"] == status and said in str(data["stderr"])


async def test_filesystems_are_streamed(harpd: Harpd) -> None:
    """A shell script is the shortest procedure."""
    packets, outcome = await call(harpd, "filesystems")

    assert isinstance(outcome, Returned)
    for packet in packets:
        assert packet.keys() == {"mount", "size_kib", "used_kib"}
        assert Path(packet["mount"]).is_absolute()
        assert packet["size_kib"] >= packet["used_kib"] >= 0


async def test_filesystems_takes_no_arguments(harpd: Harpd) -> None:
    """What a script does not understand it should say, not ignore."""
    packets, outcome = await call(harpd, "filesystems", "/")

    assert packets == []
    assert has_status(outcome, 2, "no arguments expected")


async def test_checksums_takes_a_list_or_names(harpd: Harpd, tmp_path: Path) -> None:
    """Callers give arguments both ways."""
    file = tmp_path / "file; rm -rf"
    file.write_bytes(b"content")
    expected = {
        "path": str(file),
        "bytes": 7,
        "sha256": hashlib.sha256(b"content").hexdigest(),
    }

    by_place, outcome = await call(harpd, "checksums", str(file))
    by_name, _ = await call(harpd, "checksums", paths=[str(file)])

    assert by_place == by_name == [expected]
    assert isinstance(outcome, Returned)


async def test_checksums_tells_of_files_that_it_cannot_read(
    harpd: Harpd, tmp_path: Path
) -> None:
    """The others are told all the same."""
    (tmp_path / "a").write_bytes(b"")

    packets, outcome = await call(harpd, "checksums", "/no/such", f"{tmp_path}/a")

    assert [packet["bytes"] for packet in packets] == [0]
    assert has_status(outcome, 1, "/no/such: No such file or directory")
