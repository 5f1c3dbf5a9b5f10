"""harpcallerd(8) says what the command line takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "man" / "harpcallerd.8"


def help_of(*words: str) -> str:
    """Return what the command says of itself."""
    command = [sys.executable, "-m", "harpcaller", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def verbs() -> set[str]:
    """Return the verbs that the command line knows."""
    return set(re.findall(r"^    ([a-z]\S*)", help_of(), re.MULTILINE))


def options(text: str) -> set[str]:
    """Return the options that a help text names, but for the one that asks for it."""
    return set(re.findall(r"--[a-z-]+", text)) - {"--help"}


def test_every_verb_is_in_the_manual_and_the_reverse() -> None:
    """An administrator looks there first."""
    told = set(re.findall(r"^\.It Cm (\S+)", PAGE.read_text(), re.MULTILINE))

    assert told == verbs()


def test_every_option_of_a_verb_is_at_its_place_in_the_manual() -> None:
    """A verb's options follow it, and no other's."""
    sections = re.split(r"^\.It Cm ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    told = {
        section.split()[0]: set(re.findall(r"^\.It Fl -(\S+)", section, re.MULTILINE))
        for section in sections
    }

    for verb in verbs():
        known = {name.removeprefix("-") for name in options(help_of(verb))}
        assert {f"-{name}" for name in told[verb]} == known - {"-socket"}, verb


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_is_clean() -> None:
    """What mandoc warns of looks wrong on somebody's terminal."""
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", PAGE], capture_output=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, b"")
