"""One mapping of a settings file, read key by key; complaints are collected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import attrs

from harpcaller.adapters.adapter import Problem


@attrs.define
class Section:
    """Values under one place of a file; a wrong one is complained of and absent.

    Empty text is absent too: an `!Env` variable that is not set gives it.
    """

    values: Mapping[str, Any]
    problems: list[Problem]
    place: str = ""
    file: str | None = None

    def complain(self, message: str, place: str | None = None) -> None:
        """Add a problem, of this section if no `place` is given."""
        at = self.place if place is None else place
        self.problems.append(Problem(place=at, message=message, file=self.file))

    def wrong(self, key: str, expected: str) -> None:
        """Complain of the value of `key`."""
        if self.file is None:  # a table of the configuration: keys are places
            self.complain(f"expected {expected}", self._at(key))
        else:
            self.complain(f"{key}: expected {expected}")

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def get(self, key: str) -> Any:
        """Return the value, None if it is absent."""
        value = self.values.get(key)
        return None if value == "" else value

    def text(self, key: str) -> str | None:
        """Return a text."""
        value = self.get(key)
        if value is None or isinstance(value, str):
            return value
        self.wrong(key, "a text")
        return None

    def need_text(self, key: str) -> str:
        """Return a text that has to be there; without it, complain and return ""."""
        value = self.text(key)
        if value is None and self.get(key) is None:
            self.wrong(key, "a text")
        return value or ""

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean; `!Env` makes texts of them."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if value in {"true", "false"}:
            return bool(value == "true")
        self.wrong(key, "true or false")
        return default

    def count(self, key: str, *, least: int | None = None) -> int | None:
        """Return a whole number; digits in quotes are one."""
        value = self.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if value is None or (is_whole and (least is None or value >= least)):
            return None if value is None else int(value)
        bound = "" if least is None else f" of at least {least}"
        self.wrong(key, f"a whole number{bound}")
        return None

    def seconds(self, key: str) -> float | None:
        """Return a duration above 0."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return value
        self.wrong(key, "a number of seconds above 0")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; one alone stands for a list of it."""
        value = self.get(key)
        if value is None:
            return ()
        members = value if isinstance(value, list) else [value]
        if all(isinstance(member, str) for member in members):
            return tuple(members)
        self.wrong(key, "a list of texts")
        return ()

    def one_of(self, key: str, words: Iterable[str], default: str) -> str:
        """Return one of `words`."""
        value = self.get(key)
        known = list(words)
        if value is None:
            return default
        if value in known:
            return str(value)
        self.wrong(key, "one of " + ", ".join(known))
        return default

    def inner(self, key: str) -> Section:
        """Return the section under `key`, an empty one if it is absent."""
        value = self.get(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(key, "a mapping")
            value = None
        place = self.place if self.file else self._at(key)
        return Section(value or {}, self.problems, place, self.file)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Complain of each key that is not `known`."""
        words = list(known)
        for key in self.values:
            if key not in words:
                near = get_close_matches(str(key), words, n=1)
                hint = f', did you mean "{near[0]}"?' if near else ""
                place = self.place if self.file else self._at(str(key))
                self.complain(f'unknown key "{key}"{hint}', place)
