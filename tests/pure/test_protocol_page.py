"""harpcaller-protocol(7) says what the code says."""

from __future__ import annotations

import shutil
import subprocess

import protocol_page
import pytest

from protocol.errors import OUTCOME_ERRORS, REQUEST_ERRORS, ErrorType
from protocol.requests import (
    MAX_CONTAINERS,
    MAX_KEY_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_RETRIES,
    MAX_SEALED,
)


def test_the_transcripts_are_the_examples_of_the_page() -> None:
    """What the tests play has to be what people read.

    After a change of the page run tests/support/protocol_page.py.
    """
    played = protocol_page.TRANSCRIPTS.read_text(encoding="utf-8")

    assert played == protocol_page.transcripts_text()


def test_every_block_that_looks_like_an_example_is_one() -> None:
    """A block without its title line would never be played."""
    assert len(protocol_page.examples()) == protocol_page.literal_blocks()


@pytest.mark.parametrize(
    ("section", "types"),
    [("Request errors", REQUEST_ERRORS), ("Outcomes", OUTCOME_ERRORS)],
)
def test_the_page_lists_exactly_the_error_types_there_are(
    section: str, types: frozenset[ErrorType]
) -> None:
    """A client that knows the page meets no type that it does not know."""
    assert sorted(protocol_page.error_types(section)) == sorted(types)


@pytest.mark.parametrize(
    "words",
    [
        f"have 1 to {MAX_NAME_CHARACTERS:,} characters",
        f"{MAX_CONTAINERS:,} lists and objects",
        f"string of 1 to {MAX_KEY_CHARACTERS} characters",
        f"integer from 0 to {MAX_RETRIES}",
        f"list of at most {MAX_SEALED} strings",
    ],
)
def test_the_page_has_the_limits_of_the_code(words: str) -> None:
    """A limit that is only in the code is met by surprise."""
    text = protocol_page.PAGE.read_text(encoding="utf-8").replace("\n", " ")

    assert words in text


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_page_is_good_mdoc() -> None:
    """It has to render on every system that has man pages."""
    lint = ["mandoc", "-T", "lint", "-W", "warning", str(protocol_page.PAGE)]

    run = subprocess.run(lint, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (0, "")
