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
_FEW: Final = 16  # secrets that are quicker looked for one by one
MIN_CHARACTERS: Final = 6  # of a secret that is looked for within texts


class SecretNames:
    """Tells by their names which values are secret: all below such a name are."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        patterns = (f"(?i){DEFAULT_NAMES}", *more)
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def are_secret(self, name: str) -> bool:
        """Tell whether what stands under a name is secret."""
        return any(pattern.search(name) for pattern in self._patterns)

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
        self._within = _Within(t for t in texts if len(t) >= MIN_CHARACTERS)

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
        masked = self._mapped(value, "", lambda _, __: MASK, is_secret=False)
        return self._with_masked_names(masked)

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

    def _with_masked_names(self, value: JsonValue) -> JsonValue:
        if isinstance(value, Mapping):
            return {
                MASK if self._within.are_in(key) else key: self._with_masked_names(part)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [self._with_masked_names(part) for part in value]
        return value

    def _is_secret(self, value: JsonValue, *, is_secret: bool) -> bool:
        if not _is_text_or_number(value) or value == "":
            return False
        if is_secret or encode(value) in self._known:
            return True
        return isinstance(value, str) and self._within.are_in(value)


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


def _is_text_or_number(value: JsonValue) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
