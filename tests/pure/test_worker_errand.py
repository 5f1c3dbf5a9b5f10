"""Errands: what harpd tells a supervisor of them, and what they leave."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harpcaller.worker.errand import Errand, clean_up, read_errand, write_errand
from protocol.jsontext import decode, encode

ERRAND = Errand(
    kind="harmony_cli",
    settings={"secret_key": "a secret"},
    private_dir="/tmp/x",  # noqa: S108 (nothing is there)
    last_words=("docker", "kill", "x"),
)


def test_an_errand_comes_to_the_supervisor() -> None:
    """It goes there in the line that asks for the call."""
    assert read_errand(decode(encode(write_errand(ERRAND)))) == ERRAND
    assert read_errand(None) is None


def test_an_errand_tells_nobody_its_settings() -> None:
    """They have a key, and a log is read by many."""
    assert "a secret" not in repr(ERRAND)


def test_a_clean_up_leaves_nothing(tmp_path: Path) -> None:
    """The folder goes, whatever is in it, and what it links to stays."""
    folder, kept = tmp_path / "private", tmp_path / "kept"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "catalog.json").touch()
    kept.touch()
    (folder / "link").symlink_to(kept)
    said = tmp_path / "said"
    words = (sys.executable, "-IS", "-c", f"open({str(said)!r}, 'w')")

    clean_up(Errand(kind="", settings=None, private_dir=str(folder), last_words=words))

    assert not folder.exists()
    assert kept.exists()
    assert said.exists()


@pytest.mark.parametrize("words", [(), ("/no/such/program",), ("false",)])
def test_a_clean_up_fails_of_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A container may be gone, and its client too: the next call has to be taken."""
    place = str(tmp_path / "none")

    clean_up(Errand(kind="", settings=None, private_dir=place, last_words=words))
