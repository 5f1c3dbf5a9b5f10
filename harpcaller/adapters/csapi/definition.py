"""A service definition: what goes into a service and what comes out of it.

DEP 6, "Service definition": all else in one is for those who read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.parts import Part
from protocol.jsontext import JsonText, encode

ASSET: Final = "oceanasset"
COMMAND: Final = "runcommand"
PAYLOAD: Final = "payload"
TYPES: Final = (ASSET, COMMAND, PAYLOAD)
_FLAGS: Final = {"true": True, "false": False}


@attrs.frozen(kw_only=True)
class Input:
    """What an invocation may give under one name; without a `type` it says which."""

    type: str | None = None
    is_mandatory: bool = False


@attrs.frozen(kw_only=True)
class Definition:
    """A definition, and its `text` as it was written.

    `outputs` has the type of each, which may be any word.
    """

    text: JsonText
    title: str
    description: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, str | None]


def read_definition(part: Part) -> Definition:
    """Return the definition; what is wrong with it is complained of."""
    about = part.need_part("servicedescription")
    title = description = ""
    if about is not None:
        title = about.need_text("name")
        about.need_text("endpoint")
        description = about.text("description") or ""
    inputs = {name: _input(one) for name, one in _named(part, "inputs")}
    outputs = {name: one.text("type") for name, one in _named(part, "outputs")}
    return Definition(
        text=encode(dict(part.fields)),
        title=title,
        description=description,
        inputs=inputs,
        outputs=outputs,
    )


def read_type(value: Any) -> str | None:
    """Return the type of an input that `value` names, None if it names none."""
    word = value.lower() if isinstance(value, str) else ""
    return word if word in TYPES else None


def _named(part: Part, key: str) -> list[tuple[str, Part]]:
    """Return the members of a list by their names."""
    members = part.parts(key)
    if not members and not part.get(key):
        part.wrong(key, "a list of at least one object")
    named = [(member.need_text("argname"), member) for member in members]
    names = [name for name, _ in named]
    if len({*names}) < len(names):
        part.wrong(key, "each argname once")
    return named


def _input(part: Part) -> Input:
    given = part.get("type")
    if given is not None and read_type(given) is None:
        part.wrong("type", "one of " + ", ".join(f'"{word}"' for word in TYPES))
    return Input(type=read_type(given), is_mandatory=_flag(part, "mandatory"))


def _flag(part: Part, key: str) -> bool:
    """Return true or false; DEP 6 writes it in quotes."""
    value = part.get(key)
    if isinstance(value, str):
        value = _FLAGS.get(value.lower(), value)
    if value is None or isinstance(value, bool):
        return bool(value)
    part.wrong(key, 'true or false, or "true" or "false"')
    return False
