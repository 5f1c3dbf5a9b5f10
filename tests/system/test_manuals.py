"""harp(1) says what the command takes; every page is clean, and knows all exits."""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import Path

import pytest
from manual import MAN, lint, needs_mandoc, section_of, told_in

import harpcaller.client.output
from harpcaller.client.cli import EXIT_STATUS, READER_LEFT
from harpcaller.client.options import ACCESS, VERBS
from harpcaller.start import EX_CONFIG, EX_IOERR
from indira.cli import Exit
from protocol.errors import ErrorType

PAGE = MAN / "harp.1"
COMMON = {*ACCESS, "json", "help", "version"}
EXITS: dict[str, Set[int]] = {
    "harp.1": {0, *EXIT_STATUS.values(), READER_LEFT},
    "harpcallerd.8": {*Exit, EX_IOERR, EX_CONFIG},
    "harpd.8": {*Exit},
}


def list_after(sentence: str) -> Set[str]:
    """Return the options of the list that a sentence announces."""
    found = PAGE.read_text().split(f"{sentence}\n.Bl ")
    assert len(found) == 2, sentence
    items = re.findall(r"^\.It Fl (.+)$", found[1].split("\n.El\n")[0], re.MULTILINE)
    return {name for item in items for name in re.findall(r"-([a-z-]{2,})", item)}


def synopsis_of(verb: str) -> Set[str]:
    """Return the options that the synopsis shows behind a verb."""
    [text] = [
        piece
        for piece in section_of(PAGE, "SYNOPSIS").split(".Nm\n")
        if f".Cm {verb}\n" in piece
    ]
    return set(re.findall(r"Fl -([a-z-]+)", text.split(f".Cm {verb}\n")[1]))


def own(verb: str) -> Set[str]:
    """Return the options of a verb that not every verb has."""
    return VERBS[verb].options - COMMON


def test_every_verb_of_harp_is_in_the_manual_and_the_reverse() -> None:
    """Callers look there first."""
    assert told_in(PAGE, "DESCRIPTION", "Cm") == VERBS.keys()


def test_every_option_of_harp_is_at_its_place_in_the_manual() -> None:
    """Each once: with all verbs, with `call`, or with the others."""
    others = set().union(*map(own, VERBS)) - own("call")

    assert list_after("These are common to all verbs:") == COMMON
    assert list_after(".Cm call\nare:") == own("call")
    assert list_after("The options of the other verbs are:") == others


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - {"call"}))
def test_the_synopsis_of_a_verb_shows_its_options(verb: str) -> None:
    """It is what most people read of a page."""
    assert synopsis_of(verb) == own(verb)


def test_the_errors_of_harp_itself_are_in_the_manual_and_the_reverse() -> None:
    """All others are those of harpcaller-protocol(7)."""
    source = Path(harpcaller.client.output.__file__).read_text()
    written = set(re.findall(r'_complaint\(\s*"(\w+)"', source)) - {*ErrorType}

    sentence = section_of(PAGE, "OUTPUT").split("are this command's own:\n")[1]
    assert set(re.findall(r"^\.Li (\w+)", sentence, re.MULTILINE)) == written


@pytest.mark.parametrize("page", EXITS)
def test_every_exit_status_is_in_the_manual_and_the_reverse(page: str) -> None:
    """Scripts go by it."""
    told = re.findall(
        r"^\.It (\d+)$", section_of(MAN / page, "EXIT STATUS"), re.MULTILINE
    )

    assert set(map(int, told)) == EXITS[page]


@needs_mandoc
@pytest.mark.parametrize("page", sorted(MAN.iterdir()), ids=lambda page: page.name)
def test_every_manual_is_clean(page: Path) -> None:
    """What mandoc warns of looks wrong on somebody's terminal."""
    assert lint(page) == ""
