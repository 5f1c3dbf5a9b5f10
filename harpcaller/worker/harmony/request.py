"""The arguments of a call of a Harmony service, judged: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import attrs

from protocol.harp_worker import Refusal, Refused
from protocol.jsontext import JsonValue

_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_TOKEN = "accessToken"  # noqa: S105 (the name of a field)
_URL = re.compile(r"(https?|s3)://[^\s/]+(/\S*)?")
_OBJECT = "an object"
_STRING = "a string"
_OF_BOTH: dict[str, tuple[type | tuple[type, ...], str]] = {
    "unit": (str, _STRING),
    "attempt": (int, "an integer"),
    "message": (dict, _OBJECT),
    "message_file": (str, _STRING),
    _TOKEN: (str, _STRING),
}
_OF_CLI = _OF_BOTH | {
    "sources": ((str, dict), "a path, a URL or a bundle"),
    "metadata_dir": (str, _STRING),
    "data_location": (str, _STRING),
    "env": (dict, _OBJECT),
}
_OF_HTTP = _OF_BOTH | {"url": (str, _STRING)}


def refuse(message: str) -> NoReturn:
    """Refuse the arguments of a call."""
    raise Refused(Refusal.INVALID_ARGUMENT_LIST, message)


@attrs.frozen(kw_only=True)
class Bundle:
    """A tree of STAC documents: their texts to be, by relative paths."""

    root: str
    files: Mapping[str, JsonValue]


@attrs.frozen(kw_only=True)
class Asked:
    """What both kinds are given; the message is here or in a file."""

    unit: str
    message: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    message_file: str | None = None
    token: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class CliRequest:
    """What a call of `harmony_cli` asks for; paths are not looked at yet."""

    asked: Asked
    sources: str | Bundle
    metadata_dir: str | None = None
    data_location: str | None = None
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class HttpRequest:
    """What a call of `harmony_http` asks for."""

    asked: Asked
    url: str


def read_cli(arguments: JsonValue) -> CliRequest:
    """Return what the arguments ask for.

    Raises:
        Refused: `invalid_argument_list`, naming the argument.
    """
    given = _checked(arguments, _OF_CLI)
    if given.get("sources") is None:
        refuse('missing argument "sources"')
    env = given.get("env") or {}
    if not all(isinstance(value, str) for value in env.values()):
        refuse('argument "env": expected strings')
    return CliRequest(
        asked=_asked(given),
        sources=_sources(given["sources"]),
        metadata_dir=given.get("metadata_dir"),
        data_location=given.get("data_location"),
        env=env,
    )


def read_http(arguments: JsonValue) -> HttpRequest:
    """Return what the arguments ask for.

    Raises:
        Refused: `invalid_argument_list`, naming the argument.
    """
    given = _checked(arguments, _OF_HTTP)
    if given.get("url") is None:
        refuse('missing argument "url"')
    return HttpRequest(asked=_asked(given), url=given["url"])


def token_in(message: Mapping[str, Any], given: str | None) -> str:
    """Return the user's token as the message is to have it; "" if there is none.

    Raises:
        Refused: `invalid_argument_list`, it is no text.
    """
    token = message.get(_TOKEN) if given is None else given
    if token is None:
        return ""
    if not isinstance(token, str):
        refuse(f'argument "message": "{_TOKEN}": expected a string')
    return token


def for_service(message: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Return the message as a service is to get it: with a token, without callback.

    Whoever has the callback could tell Harmony what we do not know of.
    """
    fields = {name: value for name, value in message.items() if name != "callback"}
    return {**fields, _TOKEN: token}


def without_token(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a service left of its message, for others to see."""
    return {
        name: value
        for name, value in message.items()
        if name not in {_TOKEN, "callback"}
    }


def shape_text(message: Mapping[str, Any]) -> str | None:
    """Return the shape if it is GeoJSON in a string: services read files only."""
    subset = message.get("subset")
    shape = subset.get("shape") if isinstance(subset, dict) else None
    return shape if isinstance(shape, str) else None


def with_shape(message: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the message with its shape in the file at `path`."""
    shape = {"href": f"file://{path}", "type": "application/geo+json"}
    return {**message, "subset": {**message["subset"], "shape": shape}}


def is_url(sources: str) -> bool:
    """Tell whether a text names no file of this machine."""
    return _URL.fullmatch(sources) is not None


def is_in_s3(path: str) -> bool:
    """Tell whether a folder is to be one of S3."""
    return path.startswith("s3:")


def is_inside(path: str) -> bool:
    """Tell whether a relative path stays where it is, to anybody who reads it."""
    parts = path.split("/")
    return "\0" not in path and not {"", ".", ".."} & set(parts)


def _checked(
    arguments: JsonValue, known: Mapping[str, tuple[type | tuple[type, ...], str]]
) -> Mapping[str, Any]:
    if not isinstance(arguments, dict):
        refuse("arguments have to be named")
    for name, value in arguments.items():
        if name not in known:
            refuse(f'unknown argument "{name[:100]}"')
        types, expected = known[name]
        if value is not None and (
            not isinstance(value, types) or isinstance(value, bool)
        ):
            refuse(f'argument "{name}": expected {expected}')
    return arguments


def _asked(given: Mapping[str, Any]) -> Asked:
    unit = given.get("unit")
    if unit is None or not _UNIT.fullmatch(unit):
        refuse('argument "unit": expected a name, such as "s1.b0"')
    message, file = given.get("message"), given.get("message_file")
    if (message is None) == (file is None):
        refuse('expected one of "message" and "message_file"')
    return Asked(unit=unit, message=message, message_file=file, token=given.get(_TOKEN))


def _sources(value: Any) -> str | Bundle:
    if isinstance(value, str):
        return value
    root, files = value.get("root"), value.get("files")
    if not isinstance(files, dict) or root not in files:
        refuse('argument "sources": expected "files", and the "root" among them')
    for path in files:
        if not is_inside(path):
            refuse('argument "sources": a path in "files" leads out of it')
    return Bundle(root=root, files=files)
