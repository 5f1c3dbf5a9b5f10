"""harpcaller-harmony(7) and harp-harmony(1) say what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Set
from pathlib import Path

from manual import MAN, section_of

from harpcaller.adapters.harmony.bindings import KEYS as BINDING_KEYS
from harpcaller.adapters.harmony.endings import Category
from harpcaller.adapters.harmony.intake import ROUTES
from harpcaller.adapters.harmony.loading import KEYS
from harpcaller.adapters.harmony.refusals import STATUS, Code
from harpcaller.adapters.harmony.settings import Dialect
from harpcaller.tools.harmony_options import (
    DISPATCHER_VARIABLE,
    SERVICE_VARIABLE,
    command_line,
)
from indira.cli import Exit

PAGE = MAN / "harpcaller-harmony.7"
EXAMPLE = Path(__file__).parents[2] / "examples" / "harmony"
COMMAND = MAN / "harp-harmony.1"
SIGNALLED = {130, 143}


def items(section: str) -> Set[str]:
    """Return the words that a section of the page lists."""
    found = re.findall(r"^\.It Ic (.+)$", section_of(PAGE, section), re.MULTILINE)
    return {word for line in found for word in line.split(" , ")}


def options_told(text: str) -> Set[str]:
    """Return the options that a piece of the other page lists."""
    return set(re.findall(r"^\.It Fl -(\S+)", text, re.MULTILINE))


def options_of(parser: ArgumentParser) -> Set[str]:
    """Return the options that a parser knows."""
    known = {word for action in parser._actions for word in action.option_strings}
    return {word.removeprefix("--") for word in known} - {"-h", "help", "version"}


def test_every_key_is_in_the_manual_and_the_reverse() -> None:
    """An operator looks there first."""
    assert items("CONFIGURATION") == set(KEYS)


def test_every_key_of_a_binding_is_in_the_manual() -> None:
    """So does who writes bindings."""
    assert items("Bindings") == set(BINDING_KEYS)


def test_every_code_is_in_the_manual_with_its_status() -> None:
    """They are in replies, logs and tests."""
    section = section_of(PAGE, "WHEN IT IS REFUSED")
    rows = re.findall(r"^\.It Li (E\d+) Ta (.+?) Ta ", section, re.MULTILINE)
    told: dict[str, str] = dict(rows)

    assert list(told) == [f"E{number}" for number in range(1, 26)]
    for code in Code:
        assert str(STATUS[code]) in told[code]


def test_every_dialect_and_category_is_in_the_manual() -> None:
    """Their words are Harmony's."""
    told = section_of(PAGE, "Callbacks")
    assert {word for word in Dialect if f".It Dq {word}" not in told} == set()
    for page in (PAGE, COMMAND):
        text = page.read_text()
        assert {word for word in Category if word not in text} == set()


def test_the_routes_are_in_the_manual() -> None:
    """Who sets up Harmony needs their paths."""
    told = {
        re.sub(r" Ns (?:Ar|Pa)? ?", "", path)
        for path in re.findall(
            r"^\.It Cm POST Pa (.+)$", PAGE.read_text(), re.MULTILINE
        )
    }

    assert told == {re.sub(r"\{(\w+)[^}]*\}", r"\1", route.path) for route in ROUTES}


def test_every_option_of_the_command_is_in_its_manual() -> None:
    """Each at its place."""
    parser = command_line()
    [verbs] = [each for each in parser._actions if isinstance(each, _SubParsersAction)]
    container, text = section_of(COMMAND, "In the place of a container"), {}
    for piece in section_of(COMMAND, "Verbs").split("\n.It Cm ")[1:]:
        text[piece.split()[0]] = piece

    assert options_told(container) == options_of(parser)
    assert text.keys() == verbs.choices.keys()
    for verb, piece in text.items():
        assert options_told(piece) == options_of(verbs.choices[verb])


def test_every_exit_status_of_the_command_is_in_its_manual() -> None:
    """Harmony goes by it."""
    told = re.findall(
        r"^\.It (\d[\d ,]*)$", section_of(COMMAND, "EXIT STATUS"), re.MULTILINE
    )

    assert {int(word) for line in told for word in line.split(" , ")} == {
        Exit.OK,
        Exit.FAILED,
        Exit.USAGE,
        *SIGNALLED,
    }


def test_the_example_runs() -> None:
    """A service on harmony-service-lib, two steps of it, and what comes out."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = subprocess.run(
        [EXAMPLE / "run.sh"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "PATH": path},
    )

    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "one.upper.count.txt: 3 words: A FIRST TEXT",
        "two.upper.count.txt: 4 words: AND A SECOND ONE",
    ]


def test_the_variables_of_the_command_are_in_its_manual() -> None:
    """A container is told by them."""
    section = section_of(COMMAND, "ENVIRONMENT")

    for name in (SERVICE_VARIABLE, DISPATCHER_VARIABLE):
        assert f".It Ev {name}\n" in section
