"""Which values of a message are secret, and where they stand in a child's arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocol.jsontext import JsonValue

MASK: Final = "***"


def secret_pointers(value: JsonValue, secret_keys: Sequence[str]) -> list[str]:
    """Return JSON pointers to the texts and numbers under keys that promise a secret."""
    raise NotImplementedError


def secret_values(value: JsonValue, secret_keys: Sequence[str]) -> list[JsonValue]:
    """Return what the pointers of `secret_pointers` lead to, each value once."""
    raise NotImplementedError


def sealed_pointers(
    arguments: JsonValue, values: Sequence[JsonValue], secret_keys: Sequence[str]
) -> list[str]:
    """Return sorted JSON pointers to all in a child's arguments that must be sealed.

    Those under such keys, those equal to one of `values` (the secrets of the message),
    and texts that contain one of 6 or more characters.
    """
    raise NotImplementedError


def masked(value: JsonValue, secret_keys: Sequence[str]) -> JsonValue:
    """Return a value with "***" in the place of every secret in it."""
    raise NotImplementedError


def masked_at(value: JsonValue, pointers: Sequence[str]) -> JsonValue:
    """Return a value with "***" at the end of each JSON pointer."""
    raise NotImplementedError


def find_mask(value: JsonValue, secret_keys: Sequence[str]) -> str | None:
    """Return a pointer to a "***" in a secret's place, None if there is none."""
    raise NotImplementedError
