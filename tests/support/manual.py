"""What a manual page tells, and what a command says of itself: they must agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import pytest

MAN = Path(__file__).parents[2] / "man"

needs_mandoc = pytest.mark.skipif(
    shutil.which("mandoc") is None, reason="mandoc is not installed"
)


def help_of(module: str, *words: str) -> str:
    """Return what the command of a module says of itself, or of one of its verbs."""
    command = [sys.executable, "-m", module, *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def verbs_of(module: str) -> Set[str]:
    """Return the verbs that the command line knows."""
    return set(re.findall(r"^    ([a-z]\S*)", help_of(module), re.MULTILINE))


def options_of(module: str, verb: str) -> Set[str]:
    """Return the options of a verb's own, without their first dash."""
    known = re.findall(r"-(-[a-z0-9-]+)", help_of(module, verb))
    return set(known) - {"-help", "-socket"}


def verbs_told(page: Path) -> dict[str, Set[str]]:
    """Return the verbs that the page tells of, each with the options at its place."""
    text = page.read_text()
    sections = re.split(r"^\.It Cm ", text, flags=re.MULTILINE)[1:]
    return {
        section.split()[0]: set(re.findall(r"^\.It Fl (-\S+)", section, re.MULTILINE))
        for section in sections
    }


def told_in(page: Path, section: str, macro: str) -> Set[str]:
    """Return the first words of the list items in a section (`.Sh` or `.Ss`)."""
    body = section_of(page, section)
    return set(re.findall(rf"^\.It {macro} (\S+)", body, re.MULTILINE))


def section_of(page: Path, section: str) -> str:
    """Return the source of a section, which has to be there once."""
    pieces = re.split(rf"^\.S[hs] {section}$", page.read_text(), flags=re.MULTILINE)
    assert len(pieces) == 2, section
    return re.split(r"^\.S[hs] ", pieces[1], flags=re.MULTILINE)[0]


def lint(page: Path) -> str:
    """Return what mandoc warns of: it looks wrong on somebody's terminal."""
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", page],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout
