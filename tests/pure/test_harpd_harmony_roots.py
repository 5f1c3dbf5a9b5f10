"""Where calls of Harmony services may read and write."""

from __future__ import annotations

from pathlib import Path

import pytest

from harpcaller.worker.harmony.roots import below, is_below
from protocol.harp_worker import Refused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root with links that lead out of it and back."""
    place = tmp_path / "root"
    place.mkdir()
    (place / "out").symlink_to("/etc")
    (place / "back").symlink_to(place / "a")
    (tmp_path / "other").symlink_to(place)
    return place


def test_a_path_below_a_root_is_its_true_one(root: Path) -> None:
    """Whoever changes a link later changes nothing any more."""
    roots = ["/no/such", str(root)]

    assert below(roots, f"{root}/a/b", "sources") == f"{root}/a/b"
    assert below(roots, f"{root}/back/b", "sources") == f"{root}/a/b"
    assert below([f"{root}/../other"], f"{root}/a", "sources") == f"{root}/a"
    assert below(["/"], "/etc", "sources") == "/etc"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/etc/hostname", 'a path below none of the "roots"'),
        ("{root}s/x", 'a path below none of the "roots"'),
        ("{root}/out/hostname", 'a path below none of the "roots"'),
        ("{root}/../root/x", 'expected a path from "/" on, without ".."'),
        ("a", 'expected a path from "/" on'),
        ("file://{root}/a", 'expected a path from "/" on'),
        ("s3://bucket/x", 'expected a path from "/" on'),
        ("{root}/a\0", 'expected a path from "/" on'),
        ("{root}/" + "x/" * 2100, "at most 4095 bytes"),
    ],
)
def test_another_path_is_refused(root: Path, path: str, said: str) -> None:
    """A caller could read and write what is the user's of the calls."""
    with pytest.raises(Refused) as caught:
        below([str(root)], path.replace("{root}", str(root)), "metadata_dir")

    assert caught.value.message.startswith('argument "metadata_dir": ')
    assert said in caught.value.message


def test_a_root_is_compared_part_by_part() -> None:
    """What begins with the same letters is not below it."""
    assert is_below("/a", "/a")
    assert is_below("/a", "/a/b")
    assert is_below("/", "/a")
    assert not is_below("/a", "/ab")
