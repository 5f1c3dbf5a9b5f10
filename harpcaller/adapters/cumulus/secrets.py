"""Which values of a message are secret, and where they are in what is made of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Final

from protocol.call import MASK
from protocol.jsontext import JsonValue, encode

DEFAULT_NAMES: Final = (
    "pass(word|wd|phrase)|secret|token|authorization|private_?key|credential"
    "|receiptHandle"
)
_FEW: Final = 16  # secrets that are quicker looked for one by one
MIN_CHARACTERS: Final = 6  # of a secret that is looked for within texts


class SecretNames:
    """Tells by their names which values are secret: all below such a name are."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        patterns = (f"(?i){DEFAULT_NAMES}", *more)
        self._patterns = tuple(re.compile(pattern) for pattern in patterns)

    def are_secret(self, name: str) -> bool:
        """Tell whether what stands under a name is secret."""
        return _is_matched(name, self._patterns)

    def values(self, message: JsonValue) -> list[JsonValue]:
        """Return the secret strings and numbers of a message, each once."""
        walk = _Walk(self)
        walk.go(message)
        return list({encode(value): value for _, value in walk.found}.values())

    def pointers(self, message: JsonValue, at: str = "") -> list[str]:
        """Return JSON pointers to them; `at` is the pointer to the message."""
        walk = _Walk(self)
        walk.go(message)
        return [at + pointer for pointer, _ in walk.found]


class SecretFinder:
    """Finds secrets in what was made of a message: by name, by value, within texts."""

    def __init__(self, names: SecretNames, secrets: Iterable[JsonValue]) -> None:
        self._names = names
        known = list(secrets)
        self._texts = {secret for secret in known if isinstance(secret, str)}
        self._numbers = {encode(n) for n in known if not isinstance(n, str)}
        spelled = (*self._texts, *(number.decode() for number in self._numbers))
        self._within = _Within({t for t in spelled if len(t) >= MIN_CHARACTERS})

    def pointers(self, arguments: JsonValue) -> list[str]:
        """Return JSON pointers to all values that have to be sealed."""
        walk = _Walk(self._names, self._is_made_of_one)
        walk.go(arguments)
        return [pointer for pointer, _ in walk.found]

    def masked(self, value: JsonValue) -> JsonValue:
        """Return a value with "***" in the place of each of them, in names too."""
        return self._masked(value, is_secret=False)

    def _masked(self, value: JsonValue, *, is_secret: bool) -> JsonValue:
        if isinstance(value, dict):
            return {
                MASK if self._within.are_in(key) else key: self._masked(
                    part, is_secret=is_secret or self._names.are_secret(key)
                )
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [self._masked(part, is_secret=is_secret) for part in value]
        if _may_be_secret(value) and (is_secret or self._is_made_of_one(value)):
            return MASK
        return value

    def _is_made_of_one(self, value: JsonValue) -> bool:
        if isinstance(value, str):
            return value in self._texts or self._within.are_in(value)
        return bool(self._numbers) and encode(value) in self._numbers


class _Walk:
    """Goes through a value and notes its secrets: by name, and what `also` says."""

    def __init__(
        self, names: SecretNames, also: Callable[[JsonValue], bool] | None = None
    ) -> None:
        self.found: list[tuple[str, JsonValue]] = []
        self._names = names
        self._also = also
        self._way: list[str | int] = []

    def go(self, value: JsonValue, *, is_secret: bool = False) -> None:
        """Note the secrets of a value; with `is_secret` all of it are."""
        if isinstance(value, dict):
            for key, part in value.items():
                below = is_secret or self._names.are_secret(key)
                self._go_on(key, part, is_secret=below)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                self._go_on(number, part, is_secret=is_secret)
        elif _may_be_secret(value) and (
            is_secret or (self._also and self._also(value))
        ):
            pointer = "".join(f"/{_token(step)}" for step in self._way)
            self.found.append((pointer, value))

    def _go_on(self, step: str | int, part: JsonValue, *, is_secret: bool) -> None:
        self._way.append(step)
        self.go(part, is_secret=is_secret)
        self._way.pop()


class _Within:
    """Looks for many secrets in a text at once, by how they begin."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._few = tuple(secrets)
        self._by_start: dict[str, list[str]] = {}
        if len(self._few) > _FEW:
            for secret in self._few:
                self._by_start.setdefault(secret[:MIN_CHARACTERS], []).append(secret)
            self._few = ()

    def are_in(self, text: str) -> bool:
        """Tell whether a text holds any of them."""
        if any(secret in text for secret in self._few):
            return True
        ends = range(MIN_CHARACTERS, len(text) + 1) if self._by_start else ()
        return any(
            text.startswith(secret, end - MIN_CHARACTERS)
            for end in ends
            for secret in self._by_start.get(text[end - MIN_CHARACTERS : end], ())
        )


@functools.lru_cache(maxsize=4096)
def _is_matched(name: str, patterns: tuple[re.Pattern[str], ...]) -> bool:
    return any(pattern.search(name) for pattern in patterns)


def _may_be_secret(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value != ""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _token(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
