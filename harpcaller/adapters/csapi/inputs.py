"""The inputs of an invocation, each judged by its type; nothing is fetched or run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harpcaller.adapters.csapi.definition import (
    ASSET,
    COMMAND,
    PAYLOAD,
    Input,
    read_type,
)
from harpcaller.adapters.csapi.refusals import Refusal
from harpcaller.adapters.csapi.service import Service
from harpcaller.adapters.csapi.settings import Settings
from protocol.jsontext import JsonValue

# An expression that looks at a text again for each of its characters, or twice, does
# not take long on this.
MAX_COMMAND_CHARACTERS: Final = 1024

# What may stand in an input of each type. Others are refused: a procedure that looks
# for a command would find one that nobody has allowed.
_NEEDED: Final = {ASSET: ("assetid", "asseturl"), COMMAND: ("exec",), PAYLOAD: ()}
_ALLOWED: Final = {
    ASSET: ("serviceagreementid", "assetmetadataurl"),
    COMMAND: (),
    PAYLOAD: ("payload",),
}
_COMMON: Final = ("argname", "type", "mandatory")


def read_inputs(
    value: JsonValue, service: Service, settings: Settings
) -> dict[str, JsonValue]:
    """Return what goes into a call, by name.

    Raises:
        Refusal: 400, with the name of the input that is wrong.
    """
    if not isinstance(value, list | None):
        raise Refusal(400, "inputs: expected a list")
    found: dict[str, JsonValue] = {}
    for number, one in enumerate(value or ()):
        if not isinstance(one, dict):
            raise Refusal(400, f"inputs[{number}]: expected an object")
        name = one.get("argname")
        if not isinstance(name, str) or name not in service.definition.inputs:
            known = ", ".join(f'"{known}"' for known in service.definition.inputs)
            raise Refusal(400, f"inputs[{number}].argname: expected one of {known}")
        if name in found:
            raise Refusal(400, f'input "{name}": given more than once')
        found[name] = _read(name, one, service, settings)
    for name, wanted in service.definition.inputs.items():
        if wanted.is_mandatory and name not in found:
            raise Refusal(400, f'input "{name}": it is mandatory')
    return found


def from_flat(fields: Mapping[str, JsonValue], service: Service) -> list[JsonValue]:
    """Return the inputs of an object that has them by name, as a list."""
    return [_from_flat(name, fields[name], service) for name in fields]


def _from_flat(name: str, value: JsonValue, service: Service) -> JsonValue:
    wanted = service.definition.inputs.get(name, Input()).type
    if wanted in {None, PAYLOAD}:
        return {"argname": name, "type": PAYLOAD, "payload": value}
    if not isinstance(value, dict):
        raise Refusal(400, f'input "{name}": expected an object')
    return {**value, "argname": name}


def _read(
    name: str, given: Mapping[str, JsonValue], service: Service, settings: Settings
) -> JsonValue:
    kind = _type(name, given.get("type"), service.definition.inputs[name])
    _check_fields(name, given, kind)
    if kind == ASSET and not settings.may_fetch(str(given["asseturl"])):
        schemes = " or ".join(settings.schemes)
        raise Refusal(400, f'input "{name}": asseturl: expected a URL, {schemes}')
    if kind == COMMAND and not _is_allowed(str(given["exec"]), service):
        raise Refusal(400, f'input "{name}": exec: this command is not allowed')
    more = {key: given[key] for key in given if key not in _COMMON}
    return {"type": kind, **more}


def _type(name: str, given: JsonValue, wanted: Input) -> str:
    kind = wanted.type if given is None else read_type(given)
    if kind is None:
        words = ", ".join(f'"{word}"' for word in _NEEDED)
        raise Refusal(400, f'input "{name}": type: expected one of {words}')
    if wanted.type not in {None, kind}:
        raise Refusal(400, f'input "{name}": type: expected "{wanted.type}"')
    return kind


def _check_fields(name: str, given: Mapping[str, JsonValue], kind: str) -> None:
    known = (*_COMMON, *_NEEDED[kind], *_ALLOWED[kind])
    for key in given:
        if key not in known:
            raise Refusal(400, f'input "{name}": unknown key "{key[:80]}"')
    for key in _NEEDED[kind]:
        if not isinstance(given.get(key), str) or not given[key]:
            raise Refusal(400, f'input "{name}": {key}: expected a string, not empty')
    for key in _ALLOWED[ASSET] if kind == ASSET else ():
        if not isinstance(given.get(key, ""), str):
            raise Refusal(400, f'input "{name}": {key}: expected a string')
    if kind == PAYLOAD and "payload" not in given:
        raise Refusal(400, f'input "{name}": payload is missing')


def _is_allowed(command: str, service: Service) -> bool:
    if len(command) > MAX_COMMAND_CHARACTERS:
        return False
    return any(pattern.fullmatch(command) for pattern in service.exec_allow)
