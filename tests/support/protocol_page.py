"""Reads harpcaller-protocol(7): its examples as transcripts, its lists of error types.

Run as a program it writes the transcripts anew: the page is their source.
"""

from __future__ import annotations

import re
from pathlib import Path

from transcript import FOLDER, Transcript

PAGE = Path(__file__).parents[2] / "man" / "harpcaller-protocol.7"
TRANSCRIPTS = FOLDER / "protocol-page.txt"

_EXAMPLE = re.compile(
    r'^\.\\" # (.+)\n\.Bd -literal.*\n((?:.*\n)*?)\.Ed$', re.MULTILINE
)
_SIGNS = {"> ", "< ", "= "}
_ESCAPES = {r"\e": "\\", r"\-": "-"}
_QUOTED = re.compile(r"^\.Ql (\w+)(?: [,.])?$", re.MULTILINE)
_TYPE = re.compile(r"^\.It Cm (\w+)$", re.MULTILINE)


def examples(page: Path = PAGE) -> list[Transcript]:
    """Return the examples of a page, in its order."""
    return [
        Transcript(title=title, lines=tuple(_joined(body)))
        for title, body in _EXAMPLE.findall(page.read_text(encoding="utf-8"))
    ]


def error_types(section: str) -> list[str]:
    """Return the error types that a subsection of the page lists."""
    text = PAGE.read_text(encoding="utf-8")
    begin = text.index(f"\n.Ss {section}\n")
    return _TYPE.findall(text[begin : text.index("\n.El\n", begin)])


def quoted_words(type_: str) -> list[str]:
    """Return the values that the page quotes where it describes an error type."""
    text = PAGE.read_text(encoding="utf-8")
    begin = text.index(f"\n.It Cm {type_}\n", text.index("\n.Ss Outcomes\n")) + 1
    end = min(text.index(word, begin) for word in ("\n.It ", "\n.El\n"))
    return _QUOTED.findall(text[begin:end])


def literal_blocks(page: Path = PAGE) -> int:
    """Return how many blocks of a page look like examples."""
    text = page.read_text(encoding="utf-8")
    return len(re.findall(r"^\.Bd -literal.*\n[<>] ", text, re.MULTILINE))


def transcripts_text() -> str:
    """Return the examples as a file of transcripts."""
    told = ["\n".join([f"# {one.title}", *one.lines, ""]) for one in examples()]
    return "\n".join(told)


def _joined(body: str) -> list[str]:
    """Return the lines of an example, those that were too long for the page whole."""
    lines: list[str] = []
    for line in body.splitlines():
        plain = line
        for escape, character in _ESCAPES.items():
            plain = plain.replace(escape, character)
        if plain[:2] in _SIGNS:
            lines.append(plain)
        else:
            assert plain.startswith("  "), f"what is {plain!r} on the page?"
            lines[-1] += plain.strip()
    return lines


if __name__ == "__main__":
    TRANSCRIPTS.write_text(transcripts_text(), encoding="utf-8")
