"""Which files of a folder may be called, and which keep harpd from starting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harpcaller.worker.catalogue import Defaults
from harpcaller.worker.folder import read_folder
from harpcaller.worker.kinds.executable import Executable
from harpcaller.worker.limits import Limits
from harpcaller.worker.profile import Profile

DEFAULTS = Defaults(profile=Profile(user="nobody"), limits=Limits(timeout_s=7))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that nobody else may write to."""
    path = tmp_path.resolve() / "procedures.d"
    path.mkdir(mode=0o755)
    return path


def put(path: Path, mode: int = 0o755) -> Path:
    """Return a file with these rights."""
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def names_of(folder: Path) -> list[str]:
    """Return what may be called."""
    return [offered.name for offered in read_folder(folder, DEFAULTS)]


def complaint_of(folder: Path) -> str:
    """Return why the folder is not served."""
    with pytest.raises(ValueError, match="procedures") as caught:
        read_folder(folder, DEFAULTS)
    return str(caught.value).replace(str(folder), "FOLDER")


def test_an_executable_is_called_by_its_name_without_suffix(folder: Path) -> None:
    """It takes any arguments, and runs as [defaults] say."""
    put(folder / "b.py")
    put(folder / "a")

    a, b = read_folder(folder, DEFAULTS)

    assert a.what == Executable(name="a", argv=(f"{folder}/a",), arguments=None)
    assert b.what == Executable(name="b", argv=(f"{folder}/b.py",), arguments=None)
    assert (a.profile, a.limits) == (DEFAULTS.profile, DEFAULTS.limits)


def test_an_empty_folder_offers_nothing(folder: Path) -> None:
    """Somebody may fill it later, and reload."""
    assert names_of(folder) == []


def test_what_is_hidden_or_not_executable_is_no_procedure(folder: Path) -> None:
    """Also where others may write to it: nobody runs it."""
    put(folder / "yes", 0o700)
    put(folder / "README", 0o666)
    put(folder / "for-its-group", 0o654)
    put(folder / ".hidden", 0o777)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe", 0o700)

    assert names_of(folder) == ["yes"]


@pytest.mark.parametrize("name", ["a", "A1", "0", "disk_usage", "disk-usage", "a.b.sh"])
def test_a_name_is_of_letters_digits_and_a_few_signs(folder: Path, name: str) -> None:
    """Such as people type."""
    put(folder / name)

    assert names_of(folder) == [name.removesuffix(".sh")]


@pytest.mark.parametrize("name", ["-a", "_a", "a b", "a;b", "é", "a\n", "*", "a~"])
def test_another_name_is_told(folder: Path, name: str) -> None:
    """It was meant to be called, or to be no executable."""
    put(folder / name)

    assert complaint_of(folder) == f"FOLDER/{name}: no name for a procedure"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(folder: Path, mode: int) -> None:
    """They could put any program there."""
    put(folder / "a")
    folder.chmod(mode)

    assert complaint_of(folder) == (
        f"FOLDER: others than its owner may write to it (mode {mode:04o}): chmod go-w"
    )


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o702])
def test_a_file_that_others_may_write_to_is_refused(folder: Path, mode: int) -> None:
    """They could make any program of it."""
    put(folder / "a", mode)

    assert complaint_of(folder).startswith("FOLDER/a: others than its owner may write")


def test_what_somebody_else_owns_is_refused(folder: Path) -> None:
    """An owner may give himself all rights again."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(put(folder / "a"), 65534, 65534)
    of_a_file = complaint_of(folder)

    os.chown(folder, 65534, 65534)

    assert of_a_file == "FOLDER/a: it is neither root's nor ours"
    assert complaint_of(folder) == "FOLDER: it is neither root's nor ours"


def test_a_link_inside_of_the_folder_is_another_name(folder: Path) -> None:
    """And its target need not be offered itself."""
    put(folder / ".real")
    (folder / "a.sh").symlink_to(".real")
    (folder / "b").symlink_to(folder / "a.sh")

    offered = read_folder(folder, DEFAULTS)

    assert [one.what for one in offered] == [
        Executable(name=name, argv=(f"{folder}/.real",)) for name in ("a", "b")
    ]


def test_a_folder_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    """What counts is where it leads."""
    put(folder / "a")
    link = tmp_path / "procedures-link"
    link.symlink_to(folder)

    assert names_of(link) == ["a"]


def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    """The rights of the folder say nothing about that place."""
    put(tmp_path / "outside")
    (folder / "a").symlink_to("../outside")

    assert complaint_of(folder) == "FOLDER/a: a link that leads out of its folder"


def test_a_link_into_a_folder_below_leads_out(folder: Path) -> None:
    """Nobody has looked at who may write there."""
    (folder / "below").mkdir()
    put(folder / "below" / "x")
    (folder / "a").symlink_to("below/x")

    assert complaint_of(folder) == "FOLDER/a: a link that leads out of its folder"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("a", "Too many levels of symbolic links"),
        ("nothing", "No such file or directory"),
        ("/dev/null/x", "Not a directory"),
    ],
)
def test_a_link_to_nothing_is_told(folder: Path, target: str, reason: str) -> None:
    """A procedure that somebody wanted is not silently missing; the link is named."""
    (folder / "a").symlink_to(target)

    assert complaint_of(folder) == f"FOLDER/a: {reason}"


def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    """So is a file in its place."""
    put(folder / "procedures-file")

    missing, file = (
        complaint_of(folder / "no"),
        complaint_of(folder / "procedures-file"),
    )

    assert missing == "FOLDER: No such file or directory"
    assert file == "FOLDER: Not a directory"
