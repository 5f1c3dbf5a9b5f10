"""References in the place of sealed texts, and back: what may be written in between.

A reference is `sealed:<nonce of the parent>:<n>`; the nonce is made after the parent
was submitted, so that nothing it was given can imitate one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, assert_never

import attrs

from protocol.errors import WireError
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

# Shorter texts stand in too much that is no secret.
MIN_CHARACTERS: Final = 6


class SealedTexts:
    """The sealed values of a parent, each under its number; it only ever grows."""

    def __init__(self, nonce: str, values: Iterable[JsonValue] = ()) -> None:
        self.nonce = nonce
        self.values: list[JsonValue] = []
        self._numbers: dict[JsonText, int] = {}
        self._prefix = f"sealed:{nonce}:"
        self._reference = re.compile(re.escape(self._prefix) + "([0-9]+)")
        self._texts: dict[str, int] = {}
        self._pattern = re.compile("(?!)")
        self._marks: tuple[bytes, ...] = ()
        self.add(values)

    def add(self, values: Iterable[JsonValue]) -> bool:
        """Take values in, and the texts and numbers within; tell if any was new.

        What stands in a text cannot show whether it was a number: it has both forms.
        """
        before = len(self.values)
        for value in values:
            self._number(value)
            for leaf in _leaves(value):
                self._number(leaf)
                self._number(_spelling(leaf))
        if len(self.values) > before:
            self._prepare()
        return len(self.values) > before

    def reference(self, value: JsonValue) -> str:
        """Return what stands for a value that was added."""
        return f"{self._prefix}{self._numbers[encode(value)]}"

    def hide(self, text: JsonText) -> JsonText:
        """Return JSON with a reference in the place of every sealed text in it.

        Texts of fewer than 6 characters stay; of two that overlap the longer goes.
        """
        if not self._may_hold(text):
            return text
        value = decode(text)
        hidden = _mapped(value, self._hide_leaf)
        return text if hidden == value else encode(hidden)

    def hide_body(self, body: bytes) -> bytes:
        """Return the same of a document that may be no JSON."""
        try:
            decode(body)
        except WireError:
            hidden = self.hide_text(body.decode(errors="surrogateescape"))
            return hidden.encode(errors="surrogateescape")
        return self.hide(JsonText(body))

    def hide_text(self, text: str) -> str:
        """Return the same of a plain text."""
        return self._pattern.sub(self._refer, text)

    def open(self, text: JsonText) -> JsonText:
        """Return JSON with each reference's value back in its place."""
        if text.find(self._prefix.encode()) < 0:
            return text
        return encode(_mapped(decode(text), self.open_leaf))

    def open_leaf(self, leaf: JsonValue) -> JsonValue:
        """Return a text with its references opened; one alone has its value's type."""
        if not isinstance(leaf, str) or self._prefix not in leaf:
            return leaf
        alone = self._reference.fullmatch(leaf)
        if alone and int(alone[1]) < len(self.values):
            return self.values[int(alone[1])]
        return self.open_text(leaf)

    def open_text(self, text: str) -> str:
        """Return a text with its references opened, each as a text."""
        return self._reference.sub(self._spelled, text)

    def hide_outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome with references in the place of sealed texts."""
        return _changed(outcome, self.hide)

    def open_outcome(self, outcome: Outcome) -> Outcome:
        """Return an outcome with its references opened."""
        return _changed(outcome, self.open)

    # ── steps ──
    def _number(self, value: JsonValue) -> None:
        key = encode(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)

    def _prepare(self) -> None:
        self._texts = {
            value: number
            for number, value in enumerate(self.values)
            if isinstance(value, str) and len(value) >= MIN_CHARACTERS
        }
        longest_first = sorted(self._texts, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._pattern = re.compile(pattern)
        self._marks = tuple(text.encode() for text in self._texts)

    def _may_hold(self, text: JsonText) -> bool:
        """Tell whether it pays to look closer: escapes may spell anything."""
        if not self._marks:
            return False
        return text.find(b"\\") >= 0 or any(
            text.find(mark) >= 0 for mark in self._marks
        )

    def _hide_leaf(self, leaf: JsonValue) -> JsonValue:
        if isinstance(leaf, str):
            return self.hide_text(leaf)
        if _is_number(leaf) and len(_spelling(leaf)) >= MIN_CHARACTERS:
            number = self._numbers.get(encode(leaf))
            return leaf if number is None else f"{self._prefix}{number}"
        return leaf

    def _refer(self, match: re.Match[str]) -> str:
        return f"{self._prefix}{self._texts[match[0]]}"

    def _spelled(self, match: re.Match[str]) -> str:
        number = int(match[1])
        if number >= len(self.values):
            return match[0]
        return _spelling(self.values[number])


def _changed(outcome: Outcome, change: Callable[[JsonText], JsonText]) -> Outcome:
    match outcome:
        case Returned(value):
            return Returned(change(value))
        case Raised() | Failed():
            return attrs.evolve(
                outcome,
                type=str(decode(change(encode(outcome.type)))),
                message=str(decode(change(encode(outcome.message)))),
                data=None if outcome.data is None else change(outcome.data),
            )
        case Cancelled():
            return outcome
    assert_never(outcome)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spelling(value: JsonValue) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _leaves(value: JsonValue) -> Iterator[JsonValue]:
    """Yield the texts and numbers of a value, itself if it is one."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, str) or _is_number(value):
        yield value


def _mapped(value: JsonValue, change: Callable[[JsonValue], JsonValue]) -> JsonValue:
    """Return a value with all that is no list or object changed, and its keys."""
    if isinstance(value, dict):
        return {str(change(key)): _mapped(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [_mapped(part, change) for part in value]
    return change(value)
