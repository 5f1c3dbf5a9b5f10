"""The command line of an executable: words with {name} where arguments go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from harpcaller.worker.kinds.arguments import (
    MAX_WORD_BYTES,
    Argument,
    Kind,
    may_be_option,
    refuse,
    words_of,
)
from protocol.jsontext import JsonValue

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_END_OF_OPTIONS = "--"


def check_template(argv: Sequence[str], arguments: Sequence[Argument]) -> None:
    """Do nothing if the template can be filled with these arguments.

    Raises:
        ValueError: naming what is wrong.
    """
    if not argv or not argv[0] or _PLACE.search(argv[0]):
        raise ValueError("argv: the program has to be named, by no argument")
    if any("\0" in word for word in argv):
        raise ValueError("argv: no word has a NUL")
    known = {argument.name: argument for argument in arguments}
    for word in argv:
        for name in _PLACE.findall(word):
            if name not in known:
                raise ValueError(f'argv: there is no argument "{name}"')
            if not known[name].fits_a_word:
                raise ValueError(f'argv: "{name}" is for the standard input alone')
            if known[name].kind is Kind.LIST and word != f"{{{name}}}":
                raise ValueError(f'argv: the list "{name}" needs a word of its own')


def fill(
    argv: Sequence[str],
    arguments: Sequence[Argument],
    values: Mapping[str, JsonValue],
) -> list[str]:
    """Return the words of the template with the arguments in their places.

    A word with an argument that has no value is left out. What could be taken for an
    option is refused, but behind a `--` of the template.

    Raises:
        Refused: `invalid_argument_list`, naming the argument.
    """
    known = {argument.name: argument for argument in arguments}
    words: list[str] = []
    for number, word in enumerate(argv):
        is_option_possible = _END_OF_OPTIONS not in argv[:number]
        words += _fill_word(word, known, values, is_option_possible)
    return words


def _fill_word(
    word: str,
    known: Mapping[str, Argument],
    values: Mapping[str, JsonValue],
    is_option_possible: bool,
) -> Iterator[str]:
    names = _PLACE.findall(word)
    if not all(name in values for name in names):
        return
    if not names:
        yield word
        return
    first = _beginning(word, known, values)
    for filled in _expand(word, known, values):
        if first and is_option_possible and may_be_option(first, filled):
            refuse(first, 'no "-" at the beginning')
        if len(filled.encode()) > MAX_WORD_BYTES:
            refuse(known[names[0]], f"at most {MAX_WORD_BYTES} bytes in a word")
        yield filled


def _beginning(
    word: str, known: Mapping[str, Argument], values: Mapping[str, JsonValue]
) -> Argument | None:
    """Return the argument that the filled word begins with, None if none does."""
    place = _PLACE.match(word)
    while place is not None:
        if values[place[1]] != "":
            return known[place[1]]
        place = _PLACE.match(word, place.end())
    return None


def _expand(
    word: str, known: Mapping[str, Argument], values: Mapping[str, JsonValue]
) -> list[str]:
    alone = _PLACE.fullmatch(word)
    if alone is not None:
        return words_of(known[alone[1]], values[alone[1]])

    def spelled(place: re.Match[str]) -> str:
        [spelling] = words_of(known[place[1]], values[place[1]])
        return spelling

    return [_PLACE.sub(spelled, word)]
