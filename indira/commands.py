"""What an administrator may ask, and the check of one line; nothing is run here."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

import attrs

from protocol.errors import ErrorType, WireError
from protocol.fields import (
    Fields,
    refuse,
    refuse_unknown,
    take_boolean,
    take_count,
    take_seconds,
    take_string,
)
from protocol.jsontext import JsonText, JsonValue, decode, encode

Reply: TypeAlias = Mapping[str, JsonValue | JsonText]
"""The fields of one reply; bytes are JSON already and go out as they are."""

Tell: TypeAlias = Callable[[Mapping[str, JsonValue]], Awaitable[None]]
"""Tells the administrator how far a long command is."""


class Kind(StrEnum):
    """What a parameter takes; the value is how a complaint names it."""

    FLAG = "true or false"
    COUNT = "an integer of at least 0"
    SECONDS = "a number of seconds above 0"
    AGE = "a number of seconds, 0 or more"
    TEXT = "a string"
    OBJECT = "an object"


@attrs.frozen(kw_only=True)
class Parameter:
    """A field that a command takes; one that is not required may be null."""

    name: str
    kind: Kind
    help: str
    is_required: bool = False
    default: JsonValue = None


@attrs.frozen
class Arguments:
    """The checked fields of one command, every parameter present."""

    _values: Fields

    def flag(self, name: str) -> bool:
        """Return a FLAG."""
        return self._values[name] is True

    def count(self, name: str) -> int | None:
        """Return a COUNT, None where it was left out."""
        value = self._values[name]
        return value if isinstance(value, int) else None

    def seconds(self, name: str) -> float | None:
        """Return a SECONDS or an AGE, None where it was left out."""
        value = self._values[name]
        return value if isinstance(value, int | float) else None

    def text(self, name: str) -> str | None:
        """Return a TEXT, None where it was left out."""
        value = self._values[name]
        return value if isinstance(value, str) else None

    def object(self, name: str) -> dict[str, JsonValue] | None:
        """Return an OBJECT, None where it was left out."""
        value = self._values[name]
        return value if isinstance(value, dict) else None


@attrs.frozen(kw_only=True)
class Long:
    """What takes its time, and tells meanwhile how far it is.

    A client that goes away has it cancelled, unless it `outlives_client`.
    """

    run: Callable[[Arguments, Tell], Awaitable[Reply]]
    outlives_client: bool = False


@attrs.frozen(kw_only=True)
class Command:
    """Something a daemon does for its administrator, and what it takes."""

    name: str
    help: str
    run: Callable[[Arguments], Awaitable[Reply]] | Long
    parameters: tuple[Parameter, ...] = ()

    async def carry_out(self, arguments: Arguments, tell: Tell) -> Reply:
        """Do it; return what the daemon says.

        Raises:
            WireError: it was refused.
        """
        if isinstance(self.run, Long):
            return await self.run.run(arguments, tell)
        return await self.run(arguments)

    def check(self, fields: Fields) -> Arguments:
        """Return what the command is to be run with.

        Raises:
            WireError: a field is unknown, missing or of another type.
        """
        known = ("command", *(parameter.name for parameter in self.parameters))
        refuse_unknown(fields, known)
        return Arguments({p.name: _take(fields, p) for p in self.parameters})


class CommandTable:
    """All commands of a daemon, by name; `help` is always one of them."""

    def __init__(self, commands: Iterable[Command]) -> None:
        told = Command(name="help", help="List the commands.", run=self._describe)
        self._commands = {command.name: command for command in (*commands, told)}

    def parse(self, line: bytes) -> tuple[Command, Arguments]:
        """Return the command that `line` asks for, and its checked arguments.

        Raises:
            WireError: no JSON, no known command, or wrong arguments.
        """
        fields = decode(line)
        if not isinstance(fields, dict):
            raise WireError(
                ErrorType.INVALID_REQUEST, 'expected an object like {"command":"help"}'
            )
        name = take_string(fields, "command")
        command = self._commands.get(name)
        if command is None:
            raise WireError(ErrorType.INVALID_REQUEST, self._unknown(name))
        return command, command.check(fields)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name[:80], self._commands, n=1)
        if near:
            return f'unknown command "{name[:80]}", did you mean "{near[0]}"?'
        return f'unknown command "{name[:80]}"; "help" lists them'

    async def _describe(self, _: Arguments) -> Reply:
        commands: list[JsonValue] = [
            _description(command) for command in self._commands.values()
        ]
        return {"result": "ok", "commands": commands}


def refusal(message: str) -> Reply:
    """Return the reply to a command that was not done."""
    return {"result": "error", "message": message}


def progress_line(progress: Mapping[str, JsonValue]) -> bytes:
    """Return the line that tells how far a long command is."""
    return b'{"progress":' + encode(dict(progress)) + b"}\n"


def reply_line(reply: Reply) -> bytes:
    """Return the line that tells `reply`, line end included."""
    fields = [
        encode(name) + b":" + (value if isinstance(value, bytes) else encode(value))
        for name, value in reply.items()
    ]
    return b"{" + b",".join(fields) + b"}\n"


def _take(fields: Fields, parameter: Parameter) -> JsonValue:
    """Return the value of one parameter, its default where it was left out."""
    name = parameter.name
    if fields.get(name) is None:
        if parameter.is_required:
            refuse(name, parameter.kind)
        return parameter.default
    return _READERS[parameter.kind](fields, name)


def _take_age(fields: Fields, field: str) -> JsonValue:
    value = fields[field]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        refuse(field, Kind.AGE)
    return value and take_seconds(fields, field)


def _take_object(fields: Fields, field: str) -> JsonValue:
    value = fields[field]
    if not isinstance(value, dict):
        refuse(field, Kind.OBJECT)
    return value


_READERS: dict[Kind, Callable[[Fields, str], JsonValue]] = {
    Kind.FLAG: lambda fields, name: take_boolean(fields, name, default=False),
    Kind.COUNT: take_count,
    Kind.SECONDS: take_seconds,
    Kind.AGE: _take_age,
    Kind.TEXT: take_string,
    Kind.OBJECT: _take_object,
}


def _description(command: Command) -> JsonValue:
    return {
        "name": command.name,
        "help": command.help,
        "progress": isinstance(command.run, Long),
        "parameters": [
            {
                "name": parameter.name,
                "expected": parameter.kind.value,
                "required": parameter.is_required,
                "help": parameter.help,
            }
            for parameter in command.parameters
        ],
    }
