"""harpcaller-protocol(7) says what the code says."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import protocol_page
import pytest

from protocol.call_fields import (
    MAX_KEY_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_RETRIES,
    MAX_SEALED,
)
from protocol.errors import OUTCOME_ERRORS, REQUEST_ERRORS, ErrorType
from protocol.requests import MAX_CONTAINERS

ROOT = protocol_page.PAGE.parents[1]


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


def test_the_page_has_every_code_that_is_written_in_the_code() -> None:
    """A program looks at `data.code`: one that is nowhere told is a riddle."""
    written = {
        told
        for package in ("harpcaller/dispatch", "harpcaller/runners", "protocol")
        for path in (ROOT / package).rglob("*.py")
        for told in codes_with_types(path)
    }

    assert {("OS_ERROR", "storage"), ("OS_ERROR", "internal")} <= written
    for type_, code in written:
        assert code in protocol_page.quoted_words(ErrorType[type_])


def codes_with_types(path: Path) -> Iterator[tuple[str, str]]:
    """Give the literal codes of failures and errors, with their types."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        for told in [*call.args, *(keyword.value for keyword in call.keywords)]:
            text = ast.unparse(told)
            if text.startswith("ErrorType."):
                codes = re.findall(r"\{'code': '(\w+)'\}", ast.unparse(call))
                yield from ((text.removeprefix("ErrorType."), code) for code in codes)


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
