"""The command line of `harp`: words in, one command out.

Not argparse: options may stand anywhere, -5 is a value, what follows "--" is no
longer NAME=VALUE, and starting must be fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from harpcaller.client import values

_NAMED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII | re.DOTALL)
_OPTION = re.compile(r"-(?![0-9]).+", re.DOTALL)


class UsageError(Exception):
    """The command line makes no sense; the message says where."""


class Command(NamedTuple):
    """What the command line asks for; `verb` is empty where only help is."""

    verb: str
    operands: tuple[str, ...]
    arguments: list[Any] | dict[str, Any]
    options: dict[str, Any]


class _Verb(NamedTuple):
    operands: tuple[str, ...]
    options: frozenset[str]
    takes_values: bool = False


def read_command(words: Sequence[str]) -> Command:
    """Return the command that `words` spell.

    Raises:
        UsageError: they spell none.
    """
    plain: list[str] = []
    literal: list[str] = []
    options: dict[str, Any] = {}
    rest = iter(words)
    for word in words:
        _check_text(word)
    for word in rest:
        if word == "--":
            literal = list(rest)
        elif _OPTION.fullmatch(word):
            _read_option(word, rest, options)
        else:
            plain.append(word)
    if "help" in options or "version" in options:
        verb = plain[0] if plain and plain[0] in VERBS else ""
        return Command(verb, (), [], options)
    if not plain:
        raise UsageError("no verb given: expected " + ", ".join(VERBS))
    return _read_verb(plain[0], plain[1:], literal, options)


def _check_text(word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{word!r}: no UTF-8 text") from None


def _read_verb(
    word: str, plain: list[str], literal: list[str], options: dict[str, Any]
) -> Command:
    verb = VERBS.get(word)
    if verb is None:
        _refuse_unknown("verb", word, VERBS)
    for name in options:
        if name not in verb.options:
            raise UsageError(f'--{name}: no option of "harp {word}"')
    _refuse_conflicts(options)
    # What stands behind "--" is meant as values; where there are none, as operands.
    wanted = len(verb.operands)
    missing = max(0, wanted - len(plain))
    operands = (*plain[:wanted], *literal[:missing])
    if len(operands) < wanted:
        raise UsageError(f"{verb.operands[len(operands)]} is missing")
    more, literal = plain[wanted:], literal[missing:]
    if not verb.takes_values and (more or literal):
        raise UsageError(f"{(more + literal)[0]!r}: too many words")
    if "arguments" in options and (more or literal):
        raise UsageError("--arguments and arguments beside it exclude each other")
    return Command(word, operands, _read_arguments(more, literal), options)


def _read_arguments(words: list[str], literal: list[str]) -> list[Any] | dict[str, Any]:
    matches = [_NAMED.fullmatch(word) for word in words]
    named = {match[1]: _read_value(match[2]) for match in matches if match}
    if not named:
        return [_read_value(word) for word in words + literal]
    if None in matches or literal:
        positional = next(
            (word for word, match in zip(words, matches, strict=True) if not match),
            (literal or [""])[0],
        )
        raise UsageError(
            f"{positional!r} beside NAME=VALUE: arguments are all named or all"
            ' positional; after "--" everything is positional'
        )
    if len(named) < len(words):
        raise UsageError("an argument is given twice")
    return named


def _read_value(text: str) -> Any:
    try:
        return values.read_value(text)
    except ValueError as error:
        raise UsageError(f"{text[:40]!r}: {error}") from None


def _read_option(word: str, rest: Iterator[str], options: dict[str, Any]) -> None:
    name, is_joined, text = word.partition("=")
    name = SHORT.get(name, name).removeprefix("--")
    if name not in OPTIONS or not (word.startswith("--") or word in SHORT):
        _refuse_unknown("option", word, [f"--{known}" for known in OPTIONS])
    read = OPTIONS[name]
    if read is None:
        if is_joined:
            raise UsageError(f"--{name}: takes no value")
        options[name] = True
        return
    if not is_joined:
        following = next(rest, None)
        if following is None:
            raise UsageError(f"--{name}: the value is missing")
        text = following
    try:
        value = read(text)
    except ValueError as error:
        raise UsageError(f"--{name}: {text!r}: {error}") from None
    options[name] = [*options.get(name, []), value] if name == "seal" else value


def _refuse_conflicts(options: dict[str, Any]) -> None:
    for one, other in (("follow", "detach"), ("since", "recent")):
        if one in options and other in options:
            raise UsageError(f"--{one} and --{other} exclude each other")
    if "concurrency" in options and "queue" not in options:
        raise UsageError("--concurrency needs --queue")


def _refuse_unknown(kind: str, word: str, known: Iterable[str]) -> NoReturn:
    import difflib  # noqa: PLC0415 (slow to import, and only needed here)

    near = difflib.get_close_matches(word.partition("=")[0], list(known), n=1)
    hint = f", did you mean {near[0]}?" if near else '; see "harp --help"'
    raise UsageError(f"unknown {kind} {word!r}{hint}")


SHORT = {"-f": "--follow", "-h": "--help"}
OPTIONS: dict[str, Callable[[str], Any] | None] = {
    "server": str,
    "ca-file": str,
    "cert-file": str,
    "key-file": str,
    "token-file": str,
    "json": None,
    "help": None,
    "version": None,
    "follow": None,
    "detach": None,
    "timeout": values.read_seconds,
    "max-exec-time": values.read_seconds,
    "queue": values.read_queue_name,
    "concurrency": values.read_count,
    "info": values.read_json,
    "key": str,
    "retries": values.read_count,
    "seal": str,
    "arguments": str,
    "cancel-on-interrupt": None,
    "since": values.read_count,
    "recent": values.read_count,
    "no-wait": None,
}
ACCESS = ("server", "ca-file", "cert-file", "key-file", "token-file")
"""The options that tell which dispatcher, and how it lets us in."""

_EVERYWHERE = frozenset({*ACCESS, "json"})
_CALL = frozenset(OPTIONS) - {"help", "version", "since", "recent", "no-wait"}
_FOLLOW = _EVERYWHERE | {"since", "recent", "cancel-on-interrupt"}
VERBS = {
    "call": _Verb(("HOST", "PROCEDURE"), _CALL, takes_values=True),
    "follow": _Verb(("ID",), _FOLLOW),
    "result": _Verb(("ID",), _EVERYWHERE | {"no-wait"}),
    "status": _Verb(("ID",), _EVERYWHERE),
    "cancel": _Verb(("ID",), _EVERYWHERE),
    "procedures": _Verb(("HOST",), _EVERYWHERE),
}
