"""Which values of a message are secret, and where they are in what is made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from protocol.call import MASK
from protocol.jsontext import JsonText, JsonValue, encode

DEFAULT_NAMES: Final = (
    "pass(word|wd|phrase)|secret|token|authorization|private_?key|credential"
    "|receiptHandle"
)
MIN_CHARACTERS: Final = 6  # of a secret that is looked for within texts


class SecretNames:
    """Tells by their names which values are secret: all below such a name are."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._pattern = re.compile("|".join((DEFAULT_NAMES, *more)), re.IGNORECASE)

    def are_secret(self, name: str) -> bool:
        """Tell whether what stands under a name is secret."""
        return self._pattern.search(name) is not None

    def values(self, message: JsonValue) -> list[JsonValue]:
        """Return the secret strings and numbers of a message, each once."""
        found: dict[JsonText, JsonValue] = {}
        for _, value in self._secrets(message, "", is_secret=False):
            found[encode(value)] = value
        return list(found.values())

    def pointers(self, message: JsonValue, at: str = "") -> list[str]:
        """Return JSON pointers to them; `at` is the pointer to the message."""
        secrets = self._secrets(message, at, is_secret=False)
        return [pointer for pointer, _ in secrets]

    def _secrets(
        self, value: JsonValue, at: str, *, is_secret: bool
    ) -> Iterator[tuple[str, JsonValue]]:
        if isinstance(value, Mapping):
            for key, part in value.items():
                below = is_secret or self.are_secret(key)
                pointer = f"{at}/{_token(key)}"
                yield from self._secrets(part, pointer, is_secret=below)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                yield from self._secrets(part, f"{at}/{number}", is_secret=is_secret)
        elif is_secret and _is_text_or_number(value) and value != "":
            yield at, value


class SecretFinder:
    """Finds secrets in what was made of a message: by name, by value, within texts."""

    def __init__(self, names: SecretNames, secrets: Iterable[JsonValue]) -> None:
        self._names = names
        known = list(secrets)
        self._known = {encode(secret) for secret in known}
        texts = {
            secret if isinstance(secret, str) else encode(secret).decode()
            for secret in known
        }
        long = sorted((t for t in texts if len(t) >= MIN_CHARACTERS), key=len)
        pattern = "|".join(map(re.escape, reversed(long))) or "(?!)"
        self._within = re.compile(pattern)

    def pointers(self, arguments: JsonValue) -> list[str]:
        """Return JSON pointers to all values that have to be sealed."""
        found: list[str] = []

        def note(pointer: str, value: JsonValue) -> JsonValue:
            found.append(pointer)
            return value

        self._mapped(arguments, "", note, is_secret=False)
        return found

    def masked(self, value: JsonValue) -> JsonValue:
        """Return a value with "***" in the place of each of them."""
        return self._mapped(value, "", lambda _, __: MASK, is_secret=False)

    def _mapped(
        self,
        value: JsonValue,
        at: str,
        change: Callable[[str, JsonValue], JsonValue],
        *,
        is_secret: bool,
    ) -> JsonValue:
        if isinstance(value, Mapping):
            return {
                key: self._mapped(
                    part,
                    f"{at}/{_token(key)}",
                    change,
                    is_secret=is_secret or self._names.are_secret(key),
                )
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [
                self._mapped(part, f"{at}/{number}", change, is_secret=is_secret)
                for number, part in enumerate(value)
            ]
        if self._is_secret(value, is_secret=is_secret):
            return change(at, value)
        return value

    def _is_secret(self, value: JsonValue, *, is_secret: bool) -> bool:
        if not _is_text_or_number(value) or value == "":
            return False
        if is_secret or encode(value) in self._known:
            return True
        return isinstance(value, str) and self._within.search(value) is not None


def _is_text_or_number(value: JsonValue) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
