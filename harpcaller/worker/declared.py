"""The arguments that a [[procedure]] table declares."""

from __future__ import annotations

from typing import Any

from harpcaller.worker.kinds.arguments import Argument, Kind, check
from protocol.harp_worker import Refused

ARGUMENT_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "type": str,
    "required": bool,
    "default": (str, int, float, bool, list),
    "choices": list,
    "root": str,
    "minimum": (int, float),
    "maximum": (int, float),
    "allow_dash": bool,
    "of": (str, dict),
}


def read_argument(table: Any) -> Argument:
    """Return the argument that `table` declares.

    Raises:
        ValueError: naming the argument and the key.
    """
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        message = '"arguments": "name": every argument needs one'
        raise ValueError(message)  # noqa: TRY004 (the value of a key, not our caller)
    name = table["name"]
    try:
        argument = _read(name, table)
        if "default" in table:
            check(argument, table["default"])
    except Refused as error:
        raise ValueError(f'"default": {error.message}') from None
    except ValueError as error:
        raise ValueError(f'argument "{name}": {error}') from None
    return argument


def _read(name: str, table: dict[str, Any]) -> Argument:
    _check_types(table)
    kind = _kind(table.get("type", Kind.STRING.value))
    choices = tuple(map(str, table.get("choices", [])))
    if (kind is Kind.CHOICE) != bool(choices):
        raise ValueError('"choices": a choice has some, nothing else has')
    root = table.get("root", "")
    if (kind is Kind.PATH) != root.startswith("/"):
        raise ValueError('"root": a path has one, from "/" on; nothing else has')
    if (kind is Kind.LIST) != ("of" in table):
        raise ValueError('"of": a list says what its values are; nothing else does')
    return Argument(
        name=name,
        kind=kind,
        is_required=table.get("required", "default" not in table),
        default=table.get("default"),
        choices=choices,
        root=root,
        minimum=table.get("minimum"),
        maximum=table.get("maximum"),
        allow_dash=table.get("allow_dash", False),
        of=_read_one(name, table["of"]) if kind is Kind.LIST else None,
    )


def _read_one(name: str, of: str | dict[str, Any]) -> Argument:
    """Return what each value of a list has to be: a type, or a table without name."""
    table = {"type": of} if isinstance(of, str) else of
    one = _read(name, table)
    if one.kind is Kind.LIST:
        raise ValueError('"of": a list of lists fits no command line')
    return one


def _check_types(table: dict[str, Any]) -> None:
    for key, value in table.items():
        if key not in ARGUMENT_KEYS:
            raise ValueError(f'unknown key "{key}"')
        if not isinstance(value, ARGUMENT_KEYS[key]):
            message = f'"{key}": not expected to be {type(value).__name__}'
            raise ValueError(message)  # noqa: TRY004 (as above)


def _kind(word: str) -> Kind:
    if word not in set(Kind):
        raise ValueError(f'"type": expected one of {", ".join(Kind)}')
    return Kind(word)
