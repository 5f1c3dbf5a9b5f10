"""One object of a definition or a table, read key by key; complaints are collected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import attrs

from harpcaller.adapters.adapter import Problem


@attrs.frozen
class Part:
    """What stands at one place; a wrong value is complained of, and absent.

    Null is absent too.
    """

    fields: Mapping[str, Any]
    place: str
    problems: list[Problem]
    file: str | None = None

    # ── complaints ──
    def at(self, key: str) -> str:
        """Return the place of a key."""
        return f"{self.place}.{key}" if self.place else key

    def complain(self, message: str, place: str | None = None) -> None:
        """Add a problem, of the whole part if no `place` is given."""
        at = self.place if place is None else place
        self.problems.append(Problem(place=at, message=message, file=self.file))

    def wrong(self, key: str, expected: str) -> None:
        """Complain of the value of a key."""
        self.complain(f"expected {expected}", self.at(key))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Complain of every key that is not `known`; name the nearest one that is."""
        words = list(known)
        for key in self.fields:
            if key not in words:
                near = get_close_matches(key, words, n=1)
                hint = f', did you mean "{near[0]}"?' if near else ""
                self.complain(f'unknown key "{key}"{hint}', self.at(key))

    # ── values ──
    def has(self, key: str) -> bool:
        """Tell whether a key is there, null or not."""
        return key in self.fields

    def get(self, key: str) -> Any:
        """Return any value, None if it is absent."""
        return self.fields.get(key)

    def text(self, key: str) -> str | None:
        """Return a string that is not empty."""
        value = self.fields.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.wrong(key, "a string, not empty")
        return None

    def need_text(self, key: str) -> str:
        """Return a string that has to be there; without it, complain and return ""."""
        if self.fields.get(key) is None:
            self.wrong(key, "a string, not empty")
            return ""
        return self.text(key) or ""

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.fields.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.wrong(key, "true or false")
        return default

    def count(self, key: str, default: int, *, least: int = 0) -> int:
        """Return a whole number of at least `least`."""
        value = self.fields.get(key)
        if value is None:
            return default
        if type(value) is int and value >= least:
            return value
        self.wrong(key, f"a whole number of at least {least}")
        return default

    def number(self, key: str, *, least: float) -> float | None:
        """Return a number of at least `least`."""
        return self._number(key, lambda value: value >= least, f"of at least {least:g}")

    def seconds(self, key: str) -> float | None:
        """Return a number of seconds above 0."""
        return self._number(key, lambda value: value > 0, "of seconds above 0")

    def _number(self, key: str, is_good: Any, expected: str) -> float | None:
        value = self.fields.get(key)
        if value is None:
            return None
        if type(value) in {int, float} and math.isfinite(value) and is_good(value):
            return float(value) if type(value) is float else int(value)
        self.wrong(key, f"a number {expected}")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings, none of them empty."""
        value = self.fields.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(
            isinstance(text, str) and text for text in value
        ):
            return tuple(value)
        self.wrong(key, "a list of strings, none of them empty")
        return ()

    def one_of(self, key: str, words: Iterable[str], default: str) -> str:
        """Return one of `words`."""
        value = self.fields.get(key)
        known = list(words)
        if value is None:
            return default
        if isinstance(value, str) and value in known:
            return value
        self.wrong(key, "one of " + ", ".join(f'"{word}"' for word in known))
        return default

    # ── parts of it ──
    def part(self, key: str) -> Part | None:
        """Return the object under a key, None if there is none."""
        value = self.fields.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(key, "an object")
            return None
        return Part(value, self.at(key), self.problems, self.file)

    def need_part(self, key: str) -> Part | None:
        """Return the object under a key; complain if there is none."""
        if self.fields.get(key) is None:
            self.wrong(key, "an object")
        return self.part(key)

    def parts(self, key: str) -> list[Part]:
        """Return the objects of the list under a key."""
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, "a list of objects")
            return []
        found = []
        for number, member in enumerate(value):
            place = f"{self.at(key)}[{number}]"
            if isinstance(member, dict):
                found.append(Part(member, place, self.problems, self.file))
            else:
                self.complain("expected an object", place)
        return found
