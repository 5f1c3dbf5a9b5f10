"""The secrets that a run has met: where they stand in what it makes, and masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harpcaller.adapters.cumulus.secrets import (
    MIN_CHARACTERS,
    SecretFinder,
    SecretNames,
)
from protocol.call import MASK
from protocol.jsontext import JsonText, JsonValue, encode

_NOTHING: Final = object()


class KnownSecrets:
    """Holds the secret values of all messages so far; it only ever grows."""

    def __init__(self, more_names: Sequence[str]) -> None:
        self.names = SecretNames(more_names)
        self._values: dict[JsonText, JsonValue] = {}
        self._looked_through: dict[str, JsonValue] = {}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._values)

    def learn_from(self, message: JsonValue) -> None:
        """Take in the secrets of a message.

        Messages share what no task changed: it is looked through once.
        """
        if not isinstance(message, dict):
            return
        for name, part in message.items():
            if self._looked_through.get(name, _NOTHING) is not part:
                self._looked_through[name] = part
                self._learn(self.names.values({name: part}))

    def learn_below(self, value: JsonValue) -> None:
        """Take in a secret, or all that is in it."""
        self._learn(self.names.values({"secret": value}))  # as all below it is

    def pointers(self, value: JsonValue) -> list[str]:
        """Return JSON pointers to all that must be sealed in a value."""
        return self._finder().pointers(value)

    def masked(self, value: JsonValue) -> JsonValue:
        """Return a value with "***" in the place of each secret, its own too."""
        self.learn_from(value)
        return self._finder().masked(value)

    def without(self, text: str) -> str:
        """Return a text with "***" in the place of each secret that it quotes."""
        known = (
            value if isinstance(value, str) else spelling.decode()
            for spelling, value in self._values.items()
        )
        for secret in sorted(known, key=len, reverse=True):
            if len(secret) >= MIN_CHARACTERS:
                text = text.replace(secret, MASK)
        return text

    def _learn(self, values: Iterable[JsonValue]) -> None:
        self._values.update((encode(value), value) for value in values)

    def _finder(self) -> SecretFinder:
        return SecretFinder(self.names, self._values.values())
