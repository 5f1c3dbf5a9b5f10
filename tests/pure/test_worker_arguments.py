"""Which values an executable's arguments take, and how they are bound to names."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from json_values import VALUES

from harpcaller.worker.kinds.arguments import Argument, Kind, bind, check, words_of
from protocol.harp_worker import Refused
from protocol.jsontext import JsonValue

PLAIN = {
    "string": Argument(name="a", kind=Kind.STRING),
    "integer": Argument(name="a", kind=Kind.INTEGER),
    "number": Argument(name="a", kind=Kind.NUMBER),
    "boolean": Argument(name="a", kind=Kind.BOOLEAN),
    "choice": Argument(name="a", kind=Kind.CHOICE, choices=("x", "yy")),
    "path": Argument(name="a", kind=Kind.PATH, root="/srv"),
    "list": Argument(
        name="a", kind=Kind.LIST, of=Argument(name="a", kind=Kind.INTEGER)
    ),
    "json": Argument(name="a", kind=Kind.JSON),
}
TAKEN: dict[str, list[Any]] = {
    "string": ["", "x", "-x", "\0\n", "é\u2028", "1", "null"],
    "integer": [0, -1, 2**64, -(10**4000)],
    "number": [0, -1, 1.5, 1e308, -0.0, 2**64],
    "boolean": [True, False],
    "choice": ["x", "yy"],
    "path": ["/srv/x", "x", ""],
    "list": [[], [1], [1, 1, 2**64]],
    "json": [None, True, 1, 1.5, "x", [], {"a": [None]}],
}
OTHERS: dict[str, list[Any]] = {
    "string": [None, True, 1, 1.5, [], ["x"], {}],
    "integer": [None, True, False, 1.0, 1e3, "1", "", [1], {}],
    "number": [None, True, "1", [], {}],
    "boolean": [None, 0, 1, "true", "", []],
    "choice": [None, "", "X", "x ", "xy", "y", 1, ["x"]],
    "path": [None, 1, ["x"], {}],
    "list": [None, "x", {}, 1, [True], [1, "2"], [[1]], [None]],
}


def pairs(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    """Return each type with each of its values."""
    return [(kind, value) for kind, values in table.items() for value in values]


@pytest.mark.parametrize(("kind", "value"), pairs(TAKEN))
def test_a_value_of_its_type_is_taken(kind: str, value: Any) -> None:
    """A string is data: nothing that is in it keeps it out."""
    bound = bind([PLAIN[kind]], {"a": value})

    if kind != "path":
        assert bound == {"a": value}
        assert type(bound["a"]) is type(value)


@pytest.mark.parametrize(("kind", "value"), pairs(OTHERS))
def test_a_value_of_another_type_is_refused(kind: str, value: Any) -> None:
    """True is no 1, 1.0 no integer, and "1" neither: nothing is guessed."""
    with pytest.raises(Refused, match='argument "a": expected') as caught:
        bind([PLAIN[kind]], {"a": value})

    assert caught.value.type == "invalid_argument_list"


@pytest.mark.parametrize("kind", PLAIN)
@given(value=VALUES)
def test_any_value_is_taken_or_refused(kind: str, value: JsonValue) -> None:
    """A caller cannot find a value that is a bug of ours."""
    words: list[str] = []
    refusal = None

    try:
        words = words_of(PLAIN[kind], bind([PLAIN[kind]], [value])["a"])
    except Refused as complaint:
        refusal = complaint.type

    assert refusal in {None, "invalid_argument_list"}
    assert "\0" not in "".join(words)


def test_what_is_expected_is_said() -> None:
    """The caller hears of all choices: the operator wrote them to be told."""
    with pytest.raises(Refused) as caught:
        check(PLAIN["choice"], "z")

    assert caught.value.message == 'argument "a": expected one of x, yy'


BOUNDS: list[tuple[float | None, float | None, float, str | None]] = [
    (1, 9, 0, "at least 1"),
    (1, 9, 1, None),
    (1, 9, 9, None),
    (1, 9, 10, "at most 9"),
    (None, 9, -(10**100), None),
    (1, None, 10**100, None),
    (1234567, 12345678, 1234566, "at least 1234567"),
    (None, 12345678, 12345679, "at most 12345678"),
    (0.5, None, 0, "at least 0.5"),
    (2**53, None, 2**53 - 1, f"at least {2**53}"),
    (float(2**53), None, 2**53 + 1, None),
]


@pytest.mark.parametrize(("minimum", "maximum", "value", "expected"), BOUNDS)
@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.NUMBER])
def test_a_range_includes_its_ends(
    kind: Kind,
    minimum: float | None,
    maximum: float | None,
    value: float,
    expected: str | None,
) -> None:
    """And a bound is told as it was written, not rounded."""
    argument = Argument(name="n", kind=kind, minimum=minimum, maximum=maximum)

    try:
        check(argument, value)
        said = None
    except Refused as complaint:
        said = complaint.message

    assert said == (None if expected is None else f'argument "n": expected {expected}')


def test_each_value_of_a_list_has_the_bounds() -> None:
    """The last one as well as the first."""
    one = Argument(name="n", kind=Kind.INTEGER, maximum=5)
    many = Argument(name="n", kind=Kind.LIST, of=one)

    check(many, [1, 5])

    with pytest.raises(Refused, match="at most 5"):
        check(many, [1, 6])


NAMED = [
    Argument(name="a", kind=Kind.STRING),
    Argument(name="b", kind=Kind.INTEGER, is_required=False, default=7),
    Argument(name="c", kind=Kind.STRING, is_required=False),
    Argument(name="d", kind=Kind.BOOLEAN, is_required=False, default=False),
]
BOUND: list[tuple[Any, dict[str, Any]]] = [
    (["x"], {"a": "x", "b": 7, "d": False}),
    ({"a": "x"}, {"a": "x", "b": 7, "d": False}),
    (["x", 1], {"a": "x", "b": 1, "d": False}),
    (["x", 1, "y", True], {"a": "x", "b": 1, "c": "y", "d": True}),
    ({"c": "", "a": "x"}, {"a": "x", "b": 7, "c": "", "d": False}),
    ({"d": True, "b": 0, "a": ""}, {"a": "", "b": 0, "d": True}),
]


@pytest.mark.parametrize(("told", "bound"), BOUND)
def test_a_list_binds_by_place_and_an_object_by_name(
    told: Any, bound: dict[str, Any]
) -> None:
    """In the order of the declaration; what is optional and not given is not there."""
    values = bind(NAMED, told)

    assert [*values.items()] == [*bound.items()]


UNBOUND: list[tuple[Any, str]] = [
    ([], 'missing argument "a"'),
    ({"b": 1}, 'missing argument "a"'),
    (["x", 1, "y", True, 5], "5 arguments given, expected at most 4"),
    ({"a": "x", "e": 1}, 'unknown argument "e"'),
    ({"a": "x", "A": 1}, 'unknown argument "A"'),
    ({"a": "x", "": 1}, 'unknown argument ""'),
    ({"a": "x", "y" * 1000: 1}, f'unknown argument "{"y" * 100}"'),
    ({"a": None}, 'argument "a": expected a string'),
    ({"a": "x", "c": None}, 'argument "c": expected a string'),
    (["x", None], 'argument "b": expected an integer'),
]


@pytest.mark.parametrize(("told", "said"), UNBOUND)
def test_arguments_that_do_not_fit_are_refused(told: Any, said: str) -> None:
    """None is guessed, none dropped, and null is no way to leave one out."""
    with pytest.raises(Refused) as caught:
        bind(NAMED, told)

    assert caught.value.type == "invalid_argument_list"
    assert caught.value.message == said


UNWANTED: list[Any] = [[None], {"a": 1}]


def test_a_procedure_without_arguments_takes_none() -> None:
    """An empty list and an empty object are the same."""
    assert bind([], []) == bind([], {}) == {}

    for told in UNWANTED:
        with pytest.raises(Refused):
            bind([], told)


SPELLED: list[tuple[str, Any, list[str]]] = [
    ("string", "", [""]),
    ("string", "a b\n$(id)", ["a b\n$(id)"]),
    ("integer", -1, ["-1"]),
    ("integer", 10**30, ["1" + "0" * 30]),
    ("number", 0.5, ["0.5"]),
    ("number", 3, ["3"]),
    ("boolean", True, ["true"]),
    ("boolean", False, ["false"]),
    ("list", [1, 2], ["1", "2"]),
    ("list", [], []),
]


@pytest.mark.parametrize(("kind", "value", "words"), SPELLED)
def test_a_value_is_spelled_as_in_json(kind: str, value: Any, words: list[str]) -> None:
    """A string is itself: it has no quotes on a command line."""
    assert words_of(PLAIN[kind], value) == words


@pytest.mark.parametrize("value", ["\0", "a\0b", "a\0"])
def test_a_nul_fits_no_word(value: str) -> None:
    """The program would see what is before it, and call that the whole."""
    with pytest.raises(Refused, match="expected no NUL"):
        words_of(PLAIN["string"], value)


def test_who_reads_files_is_known() -> None:
    """Only then a call is looked at in a thread."""
    assert {kind for kind, one in PLAIN.items() if one.reads_files} == {"path"}
    assert attrs.evolve(PLAIN["list"], of=PLAIN["path"]).reads_files
