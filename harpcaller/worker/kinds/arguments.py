"""The typed arguments of an executable: what a caller may give, and how it is spelled.

No value ever meets a shell, and none of them can be taken for an option.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NoReturn

import attrs

from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import JsonValue, encode

MAX_WORD_BYTES = 128 * 1024 - 1  # Linux, MAX_ARG_STRLEN
MAX_PATH_BYTES = 4095  # Linux, PATH_MAX; to follow longer ones takes for ever


class Kind(StrEnum):
    """The types of arguments, as harpd.toml names them."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    PATH = "path"
    LIST = "list"
    JSON = "json"


@attrs.frozen(kw_only=True)
class Argument:
    """One argument: its type, and what may be left out."""

    name: str
    kind: Kind
    is_required: bool = True
    default: JsonValue = None
    choices: tuple[str, ...] = ()
    root: str = ""
    minimum: float | None = None
    maximum: float | None = None
    allow_dash: bool = False
    of: Argument | None = None
    """Of a list: what each of its values has to be."""

    @property
    def fits_a_word(self) -> bool:
        """Tell whether its values can be words of a command line."""
        return self.kind is not Kind.JSON and (self.of is None or self.of.fits_a_word)

    @property
    def reads_files(self) -> bool:
        """Tell whether checking a value asks the file system."""
        return self.kind is Kind.PATH or (self.of is not None and self.of.reads_files)


def bind(
    arguments: Sequence[Argument], given: Sequence[JsonValue] | Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return the value of each argument, in the order in which they are declared.

    An optional argument without a default that was not given is left out. Paths are
    the true ones, links followed.

    Raises:
        Refused: `invalid_argument_list`, naming the argument.
    """
    named = _by_name(arguments, given)
    known = {argument.name for argument in arguments}
    for name in named:
        if name not in known:
            _refuse(f'unknown argument "{name[:100]}"')
    values: dict[str, JsonValue] = {}
    for argument in arguments:
        if argument.name in named:
            check(argument, named[argument.name])
            values[argument.name] = _true(argument, named[argument.name])
        elif argument.default is not None:
            values[argument.name] = _true(argument, argument.default)
        elif argument.is_required:
            _refuse(f'missing argument "{argument.name}"')
    return values


def check(argument: Argument, value: JsonValue) -> None:
    """Do nothing if `value` is one of the argument's.

    Raises:
        Refused: `invalid_argument_list`, naming the argument.
    """
    if not _is_of(argument.kind, value):
        refuse(argument, _EXPECTED[argument.kind])
    if argument.kind is Kind.CHOICE and value not in argument.choices:
        refuse(argument, "one of " + ", ".join(argument.choices))
    if isinstance(value, int | float):
        _check_range(argument, value)
    if isinstance(value, list) and argument.of is not None:
        for one in value:
            check(argument.of, one)


def words_of(argument: Argument, value: JsonValue) -> list[str]:
    """Return how `value` is spelled on a command line: one word, a list's are many.

    Raises:
        Refused: `invalid_argument_list`, it cannot be.
    """
    if isinstance(value, list) and argument.of is not None:
        return [word for one in value for word in words_of(argument.of, one)]
    word = value if isinstance(value, str) else encode(value).decode()
    if "\0" in word:
        refuse(argument, "no NUL")
    return [word]


def may_be_option(argument: Argument, word: str) -> bool:
    """Tell whether a program could take `word` for an option that nobody allowed.

    A number cannot be a name of one, and choices were written by the operator.
    """
    if argument.of is not None:
        return may_be_option(argument.of, word)
    return (
        word.startswith("-")
        and argument.kind in {Kind.STRING, Kind.PATH}
        and not argument.allow_dash
    )


def refuse(argument: Argument, expected: str) -> NoReturn:
    """Refuse a value that is not as `expected`."""
    _refuse(f'argument "{argument.name}": expected {expected}')


def _by_name(
    arguments: Sequence[Argument], given: Sequence[JsonValue] | Mapping[str, JsonValue]
) -> Mapping[str, JsonValue]:
    if isinstance(given, Mapping):
        return given
    if len(given) > len(arguments):
        _refuse(f"{len(given)} arguments given, expected at most {len(arguments)}")
    return {
        argument.name: value
        for argument, value in zip(arguments, given, strict=False)  # defaults follow
    }


_EXPECTED = {
    Kind.STRING: "a string",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.CHOICE: "a string",
    Kind.PATH: "a string",
    Kind.LIST: "a list",
    Kind.JSON: "any value",
}


def _is_of(kind: Kind, value: JsonValue) -> bool:
    """Tell whether a JSON value has the type; true is no 1."""
    match kind:
        case Kind.INTEGER:
            return type(value) is int
        case Kind.NUMBER:
            return type(value) in {int, float}
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.LIST:
            return isinstance(value, list)
        case Kind.JSON:
            return True
        case _:
            return isinstance(value, str)


def _check_range(argument: Argument, value: float) -> None:
    if argument.minimum is not None and value < argument.minimum:
        refuse(argument, f"at least {argument.minimum}")
    if argument.maximum is not None and value > argument.maximum:
        refuse(argument, f"at most {argument.maximum}")


def _true(argument: Argument, value: JsonValue) -> JsonValue:
    """Return what the program gets: of a path the one it leads to, if it may."""
    if isinstance(value, list) and argument.of is not None:
        return [_true(argument.of, one) for one in value]
    if argument.kind is Kind.PATH and isinstance(value, str):
        return _below(argument, value.encode())
    return value


def _below(argument: Argument, word: bytes) -> str:
    """Return the true path of `word` below the root, links followed."""
    if b"\0" in word:
        refuse(argument, "no NUL")
    if len(word) > MAX_PATH_BYTES:
        refuse(argument, f"at most {MAX_PATH_BYTES} bytes")
    # Bytes, not Path: what counts is what the kernel will make of it.
    root = os.path.realpath(argument.root.encode())
    path = os.path.realpath(os.path.join(root, word))  # noqa: PTH118 (see above)
    if path != root and not path.startswith(root.rstrip(b"/") + b"/"):
        refuse(argument, f"a path below {argument.root}")
    try:
        return path.decode()
    except UnicodeDecodeError:
        refuse(argument, "a path in UTF-8")


def _refuse(message: str) -> NoReturn:
    raise Refused(Refusal.INVALID_ARGUMENT_LIST, message)
