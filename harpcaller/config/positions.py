"""Where the keys of a TOML document stand, for complaints; tomllib does not tell."""

from __future__ import annotations

import bisect
import json
import re
from typing import NamedTuple, TypeAlias

Way: TypeAlias = tuple[str | int, ...]
"""The way to a value: names of keys, and indexes within lists."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_NAME = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]+")  # numbers, dates, true and false


class Position(NamedTuple):
    """A place in a text, as editors count: lines and characters, both from 1."""

    line: int
    column: int


def key_positions(text: str) -> dict[Way, Position]:
    """Return where each key and each table of a valid document begins.

    A table that is written in several places is where it is first. Of a document
    that is not valid, what is returned means nothing.
    """
    scanner = _Scanner(text)
    scanner.scan()
    starts = _line_starts(text)
    return {way: _position(at, starts) for way, at in scanner.found.items()}


class _Scanner:
    """Goes through a document once; owns the offset it is at."""

    def __init__(self, text: str) -> None:
        self.found: dict[Way, int] = {}
        self._text = text
        self._at = 0
        self._arrays: dict[Way, int] = {}  # the last index of arrays of tables

    def scan(self) -> None:
        """Find all keys."""
        table: Way = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Way:
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        self._skip(_BLANK)
        way = self._key((), into_arrays=True)
        if is_array:
            way = way[:-1] if isinstance(way[-1], int) else way
            index = self._arrays[way] = self._arrays.get(way, -1) + 1
            self._note((*way, index), self._key_at)
            way = (*way, index)
        self._skip(_BLANK)
        self._at += 2 if is_array else 1
        return way

    def _pair(self, table: Way) -> None:
        way = self._key(table)
        self._skip(_EQUALS)
        self._value(way)

    def _key(self, table: Way, *, into_arrays: bool = False) -> Way:
        """Take a key, dotted or not; return the way to it."""
        self._key_at = self._at
        way = table
        while match := _NAME.match(self._text, self._at):
            way = (*way, _name(match.group()))
            self._note(way, self._key_at)
            if into_arrays and way in self._arrays:
                way = (*way, self._arrays[way])
            self._at = match.end()
            if not self._skip(_DOT):
                break
        return way

    def _value(self, way: Way) -> None:
        if self._text.startswith("[", self._at):
            self._list(way)
        elif self._text.startswith("{", self._at):
            self._inline_table(way)
        elif not self._skip(_STRING):
            self._skip(_PLAIN)

    def _list(self, way: Way) -> None:
        self._at += 1
        index = 0
        while self._more("]"):
            self._value((*way, index))
            index += 1
            self._comma()
        self._at += 1

    def _inline_table(self, way: Way) -> None:
        self._at += 1
        while self._more("}"):
            self._pair(way)
            self._comma()
        self._at += 1

    def _more(self, end: str) -> bool:
        self._skip(_BLANK)
        return self._at < len(self._text) and self._text[self._at] != end

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self._text.startswith(",", self._at):
            self._at += 1

    def _note(self, way: Way, at: int) -> None:
        self.found.setdefault(way, at)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Pass over what matches; tell whether that is anything."""
        match = pattern.match(self._text, self._at)
        if match is None or match.end() == self._at:
            return False
        self._at = match.end()
        return True


def _name(spelled: str) -> str:
    """Return the key that a bare or quoted word stands for."""
    if spelled.startswith("'"):
        return spelled[1:-1]
    if not spelled.startswith('"'):
        return spelled
    # A basic string of TOML is one of JSON, but for \U and a bare tab.
    spelled = re.sub(r"\\U([0-9A-Fa-f]{8})", _wide, spelled).replace("\t", "\\t")
    return str(json.loads(spelled))


def _wide(match: re.Match[str]) -> str:
    return json.dumps(chr(int(match.group(1), 16)))[1:-1]


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _position(at: int, starts: list[int]) -> Position:
    line = bisect.bisect_right(starts, at)
    return Position(line, at - starts[line - 1] + 1)
