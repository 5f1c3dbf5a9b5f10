"""The arguments that a [[procedure]] table declares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harpcaller.worker.keys import Types, check_keys
from harpcaller.worker.kinds.arguments import Argument, Kind, check
from protocol.harp_worker import Refused

ARGUMENT_KEYS: dict[str, Types] = {
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
_OF_ONE = {
    key: types
    for key, types in ARGUMENT_KEYS.items()
    if key not in {"name", "required", "default"}  # that is said of the list
}
_NUMBERS = {Kind.INTEGER, Kind.NUMBER}
_FITS = {
    "choices": {Kind.CHOICE},
    "root": {Kind.PATH},
    "of": {Kind.LIST},
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "allow_dash": {Kind.STRING, Kind.PATH},
}
"""The keys that mean something with these types only."""
_NEEDED = {Kind.CHOICE: "choices", Kind.PATH: "root", Kind.LIST: "of"}


def read_argument(table: Any) -> Argument:
    """Return the argument that `table` declares.

    Raises:
        ValueError: naming the argument and the key.
    """
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        message = '"arguments": "name": every argument needs one'
        raise ValueError(message)  # noqa: TRY004 (the value of a key, not our caller)
    name = table["name"]
    where = f'argument "{name}"'
    check_keys(where, table, ARGUMENT_KEYS)
    try:
        argument = _read(name, table)
        if "default" in table:
            check(argument, table["default"])
    except Refused as error:
        raise ValueError(f'"default": {error.message}') from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return argument


def _read(name: str, table: Mapping[str, Any]) -> Argument:
    if not name.isascii() or not name.isidentifier():  # else no {name} finds it
        raise ValueError('"name": expected letters, digits and "_"')
    kind = _kind(table.get("type", Kind.STRING.value))
    _check_fit(kind, table)
    _check_bounds(table)
    choices = table.get("choices", [])
    if not all(isinstance(choice, str) for choice in choices):
        raise ValueError('"choices": expected a list of strings')
    root = table.get("root", "")
    if root and not root.startswith("/"):
        raise ValueError('"root": expected a path from "/" on')
    return Argument(
        name=name,
        kind=kind,
        is_required=table.get("required", "default" not in table),
        default=table.get("default"),
        choices=tuple(choices),
        root=root,
        minimum=table.get("minimum"),
        maximum=table.get("maximum"),
        allow_dash=table.get("allow_dash", False),
        of=_read_one(name, table["of"]) if kind is Kind.LIST else None,
    )


def _read_one(name: str, of: str | dict[str, Any]) -> Argument:
    """Return what each value of a list has to be: a type, or a table without name."""
    table = {"type": of} if isinstance(of, str) else of
    check_keys('"of"', table, _OF_ONE)
    if table.get("type") == Kind.LIST:
        raise ValueError('"of": a list of lists fits no command line')
    return _read(name, table)


def _check_fit(kind: Kind, table: Mapping[str, Any]) -> None:
    for key, kinds in _FITS.items():
        if key in table and kind not in kinds:
            raise ValueError(f'"{key}": no {kind} has that')
    if kind in _NEEDED and not table.get(_NEEDED[kind]):
        raise ValueError(f'"{_NEEDED[kind]}": every {kind} needs that')


def _check_bounds(table: Mapping[str, Any]) -> None:
    low, high = table.get("minimum", -math.inf), table.get("maximum", math.inf)
    if not low <= high:  # nor is nan
        raise ValueError('"minimum": not below "maximum"')


def _kind(word: str) -> Kind:
    if word not in set(Kind):
        raise ValueError(f'"type": expected one of {", ".join(Kind)}')
    return Kind(word)
