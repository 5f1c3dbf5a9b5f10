"""A path of an executable's arguments: below its root, whatever is on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harpcaller.worker.kinds.arguments import MAX_PATH_BYTES, Argument, Kind, bind
from protocol.harp_worker import Refused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with links that stay in it and links that do not."""
    root = tmp_path.resolve() / "root"
    (root / "folder" / "deep").mkdir(parents=True)
    (root / "-rf").touch()
    (root / "file").touch()
    (root / "inner").symlink_to("folder/deep")
    (root / "outer").symlink_to("..")
    (root / "passwd").symlink_to("/etc/passwd")
    (root / "twice").symlink_to("outer")
    (root / "dangling").symlink_to("/no/such/file")
    (root / "loop").symlink_to("loop")
    (root / "latin").symlink_to(os.fsdecode(b"caf\xe9"))
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "link-to-root").symlink_to("root")
    return root


def bound(root: Path | str, value: Any, **more: Any) -> Any:
    """Return what the program gets for a path."""
    path = Argument(name="p", kind=Kind.PATH, root=str(root), **more)
    return bind([path], {"p": value})["p"]


BELOW = {
    "": "",
    ".": "",
    "file": "/file",
    "./file": "/file",
    "/file/": "/file",
    "no/such/file": "/no/such/file",
    "folder/../file": "/file",
    "folder//deep/": "/folder/deep",
    "inner": "/folder/deep",
    "inner/x": "/folder/deep/x",
    "inner/..": "/folder",
    "outer/root/file": "/file",
    "../root/file": "/file",
    "no/../file": "/file",
    "loop": "/loop",
    "-rf": "/-rf",
    "a b\n*?$(id)~": "/a b\n*?$(id)~",
    "~": "/~",
    "\u202e\u2028é🎵": "/\u202e\u2028é🎵",
    "..file": "/..file",
    "...": "/...",
}


@pytest.mark.parametrize("word", BELOW)
def test_a_path_below_is_told_as_the_true_one(root: Path, word: str) -> None:
    """Absolute, so that it is no option, and the program need not know the root."""
    value = f"{root}{word}" if word.startswith("/") else word

    assert bound(root, value) == f"{root}{BELOW[word]}"


OUTSIDE = [
    "..",
    "../",
    "/",
    "/etc/passwd",
    "../../../../../../etc/passwd",
    "folder/../../root-beside",
    "../root-beside",
    "../rootling",
    "passwd",
    "outer",
    "outer/x",
    "twice/..",
    "inner/../../../x",
    "dangling",
    "//etc/passwd",
]


@pytest.mark.parametrize("value", OUTSIDE)
def test_a_path_that_leads_out_is_refused(root: Path, value: str) -> None:
    """By dots, by a link, by a name that begins as the root does."""
    with pytest.raises(Refused) as caught:
        bound(root, value)

    assert caught.value.type == "invalid_argument_list"
    assert caught.value.message == f'argument "p": expected a path below {root}'


def test_an_absolute_path_beside_the_root_is_refused(root: Path) -> None:
    """What comes after the root's name must be a slash."""
    with pytest.raises(Refused, match="a path below"):
        bound(root, f"{root}-beside/file")


def test_a_root_may_be_a_link_itself(root: Path) -> None:
    """Paths by either name are below it."""
    link = root.parent / "link-to-root"

    assert bound(link, "file") == f"{root}/file"
    assert bound(link, f"{link}/file") == f"{root}/file"
    assert bound(link, f"{root}/file") == f"{root}/file"


def test_below_the_root_of_all_is_everything() -> None:
    """An operator may say so."""
    assert bound("/", "/etc/../etc") == os.path.realpath("/etc")
    assert bound("/", "..") == "/"


def test_a_path_with_a_nul_is_refused(root: Path) -> None:
    """The kernel would open what is before it."""
    with pytest.raises(Refused, match="expected no NUL"):
        bound(root, "file\0.txt")


def test_a_path_that_is_too_long_for_the_kernel_is_not_followed(root: Path) -> None:
    """A megabyte of "x/" would keep a thread busy for minutes, and us with it."""
    longest = "é" * (MAX_PATH_BYTES // 2) + "x"

    assert bound(root, longest) == f"{root}/{longest}"
    for value in (f"{longest}x", "x/" * 2**19):
        with pytest.raises(Refused, match="expected at most 4095 bytes"):
            bound(root, value)


def test_a_link_to_a_name_that_is_no_text_is_refused(root: Path) -> None:
    """It could not be told as JSON, and a surrogate would be a bug of ours."""
    with pytest.raises(Refused, match="expected a path in UTF-8"):
        bound(root, "latin")


def test_a_default_is_looked_at_as_what_a_caller_gives(root: Path) -> None:
    """Somebody may have put a link there since."""
    assert bind(
        [Argument(name="p", kind=Kind.PATH, root=str(root), default="inner")], []
    ) == {"p": f"{root}/folder/deep"}

    with pytest.raises(Refused, match="a path below"):
        bind([Argument(name="p", kind=Kind.PATH, root=str(root), default="outer")], [])


def test_each_path_of_a_list_is_looked_at(root: Path) -> None:
    """One bad one refuses them all."""
    one = Argument(name="p", kind=Kind.PATH, root=str(root))
    many = Argument(name="p", kind=Kind.LIST, of=one)

    assert bind([many], [["file", "inner"]]) == {
        "p": [f"{root}/file", f"{root}/folder/deep"]
    }
    with pytest.raises(Refused, match="a path below"):
        bind([many], [["file", "outer"]])
