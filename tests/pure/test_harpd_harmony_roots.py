"""Where calls of Harmony services may read and write."""

from __future__ import annotations

from pathlib import Path

import pytest

from harpcaller.worker.harmony.roots import below, below_s3, is_below
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


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://bucket/out/a0", "s3://bucket/out/a0/"),
        ("s3://bucket/out/a0/", "s3://bucket/out/a0/"),
        ("s3://other-1.x/", "s3://other-1.x/"),
    ],
)
def test_a_folder_in_s3_has_a_slash_at_its_end(url: str, address: str) -> None:
    """The library puts the name of its error.json right behind it."""
    assert below_s3(["s3://bucket/out/", "s3://other-1.x"], url, "x") == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://bucket/outer/", "in none of the places"),
        ("s3://elsewhere/out/", "in none of the places"),
        ("s3://bucket", "expected"),
        ("s3:/bucket/out/", "expected"),
        ("s3://user@bucket/out/", "expected"),
        ("s3://bucket/out/../x", "expected"),
        ("s3://bucket/out//x", "expected"),
        ("s3://bucket/out/%2e%2e/x", "expected"),
        ("s3://bucket/out/?x=", "expected"),
        ("s3://bucket/out/\n", "expected"),
        ("s3://bucket/out/" + "x" * 5000, "expected"),
    ],
)
def test_another_folder_in_s3_is_refused(url: str, said: str) -> None:
    """What is read one way by us and another way by the service is none."""
    with pytest.raises(Refused) as caught:
        below_s3(["s3://bucket/out/"], url, "metadata_dir")

    assert caught.value.message.startswith('argument "metadata_dir": ')
    assert said in caught.value.message
