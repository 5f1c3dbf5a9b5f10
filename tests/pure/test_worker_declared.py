"""The arguments that a [[procedure]] declares, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.worker.declared import ARGUMENT_KEYS, read_argument
from harpcaller.worker.kinds.arguments import Argument, Kind

READ: list[tuple[dict[str, Any], Argument]] = [
    ({}, Argument(name="x", kind=Kind.STRING)),
    ({"type": "string"}, Argument(name="x", kind=Kind.STRING)),
    ({"type": "boolean"}, Argument(name="x", kind=Kind.BOOLEAN)),
    (
        {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
        Argument(
            name="x",
            kind=Kind.INTEGER,
            is_required=False,
            default=5,
            minimum=1,
            maximum=9,
        ),
    ),
    (
        {"type": "number", "minimum": -0.5, "required": False},
        Argument(name="x", kind=Kind.NUMBER, is_required=False, minimum=-0.5),
    ),
    (
        {"type": "boolean", "default": False},
        Argument(name="x", kind=Kind.BOOLEAN, is_required=False, default=False),
    ),
    (
        {"default": "", "allow_dash": True},
        Argument(
            name="x", kind=Kind.STRING, is_required=False, default="", allow_dash=True
        ),
    ),
    (
        {"type": "choice", "choices": ["a", ""], "default": "a"},
        Argument(
            name="x",
            kind=Kind.CHOICE,
            is_required=False,
            default="a",
            choices=("a", ""),
        ),
    ),
    ({"type": "path", "root": "/"}, Argument(name="x", kind=Kind.PATH, root="/")),
    (
        {"type": "list", "of": "integer"},
        Argument(name="x", kind=Kind.LIST, of=Argument(name="x", kind=Kind.INTEGER)),
    ),
    (
        {"type": "list", "default": [], "of": {"type": "path", "root": "/srv"}},
        Argument(
            name="x",
            kind=Kind.LIST,
            is_required=False,
            default=[],
            of=Argument(name="x", kind=Kind.PATH, root="/srv"),
        ),
    ),
    (
        {"type": "list", "of": {"allow_dash": True}},
        Argument(
            name="x",
            kind=Kind.LIST,
            of=Argument(name="x", kind=Kind.STRING, allow_dash=True),
        ),
    ),
]


@pytest.mark.parametrize(("table", "argument"), READ)
def test_an_argument_is_what_its_table_says(
    table: dict[str, Any], argument: Argument
) -> None:
    """Required unless it has a default or says otherwise."""
    assert read_argument({"name": "x"} | table) == argument


def test_every_key_is_tried_here() -> None:
    """A key that is read into nothing would be believed by who wrote it."""
    tried = set[str]().union(*(table for table, _ in READ))

    assert tried | {"name"} == ARGUMENT_KEYS.keys()


@pytest.mark.parametrize("name", ["x", "X_1", "_", "a" * 100])
def test_a_name_is_one_that_a_template_can_have(name: str) -> None:
    """It is how {name} is found."""
    assert read_argument({"name": name}).name == name


@pytest.mark.parametrize("name", ["", "a-b", "1a", "a b", "é", "a.b", "{a}"])
def test_another_name_is_refused(name: str) -> None:
    """Else "{a-b}" would go to the program as it is, and its value nowhere."""
    with pytest.raises(ValueError, match='"name": expected letters, digits and "_"'):
        read_argument({"name": name})


INTEGER = {"type": "integer"}
CHOICE = {"type": "choice", "choices": ["a"]}
PATH = {"type": "path", "root": "/srv"}
MISTAKES: dict[str, dict[str, Any]] = {
    'argument "x": unknown key "requird", did you mean "required"?': {"requird": True},
    'argument "x": unknown key "zzz"': {"zzz": 1},
    'argument "x": "required": not expected to be str': {"required": "no"},
    'argument "x": "minimum": not expected to be bool': INTEGER | {"minimum": True},
    'argument "x": "default": not expected to be dict': {"default": {}},
    'argument "x": "type": expected one of string, integer, number, boolean, choice, '
    "path, list, json": {"type": "int"},
    'argument "x": "choices": every choice needs that': {"type": "choice"},
    'argument "x": "choices": every choice needs that ': CHOICE | {"choices": []},
    'argument "x": "choices": no string has that': {"choices": ["a"]},
    'argument "x": "choices": expected a list of strings': CHOICE | {"choices": [1]},
    'argument "x": "root": every path needs that': {"type": "path"},
    'argument "x": "root": every path needs that ': PATH | {"root": ""},
    'argument "x": "root": no string has that': {"root": "/srv"},
    'argument "x": "root": expected a path from "/" on': PATH | {"root": "srv"},
    'argument "x": "of": every list needs that': {"type": "list"},
    'argument "x": "of": no string has that': {"of": "string"},
    'argument "x": "minimum": no string has that': {"minimum": 1},
    'argument "x": "maximum": no list has that': {
        "type": "list",
        "of": "integer",
        "maximum": 1,
    },
    'argument "x": "allow_dash": no integer has that': INTEGER | {"allow_dash": True},
    'argument "x": "minimum": not below "maximum"': INTEGER
    | {"minimum": 2, "maximum": 1},
    'argument "x": "minimum": not below "maximum" ': INTEGER
    | {"minimum": float("nan")},
    'argument "x": "minimum": not below "maximum"  ': INTEGER
    | {"maximum": float("nan")},
    'argument "x": "of": a list of lists fits no command line': {
        "type": "list",
        "of": "list",
    },
    'argument "x": "of": a list of lists fits no command line ': {
        "type": "list",
        "of": {"type": "list", "of": "string"},
    },
    'argument "x": "of": unknown key "rot", did you mean "root"?': {
        "type": "list",
        "of": {"type": "path", "rot": "/"},
    },
    'argument "x": "of": unknown key "required"': {
        "type": "list",
        "of": {"required": False},
    },
    'argument "x": "root": every path needs that  ': {"type": "list", "of": "path"},
    '"default": argument "x": expected an integer': INTEGER | {"default": 1.0},
    '"default": argument "x": expected a string': {"default": 1},
    '"default": argument "x": expected at most 3': INTEGER
    | {"default": 4, "maximum": 3},
    '"default": argument "x": expected one of a': CHOICE | {"default": "b"},
    '"default": argument "x": expected true or false': {
        "type": "boolean",
        "default": 0,
    },
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named(message: str) -> None:
    """A bound that silently bounds nothing is the worst of them."""
    with pytest.raises(ValueError, match="argument") as caught:
        read_argument({"name": "x"} | MISTAKES[message])

    assert str(caught.value).startswith(message.rstrip())


@pytest.mark.parametrize("table", ["x", {}, {"name": 1}, {"type": "string"}, None])
def test_an_argument_without_a_name_is_told_so(table: Any) -> None:
    """There is nothing else to name it by."""
    with pytest.raises(ValueError, match="every argument needs one"):
        read_argument(table)
