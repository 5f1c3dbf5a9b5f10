"""Where keys stand: whatever way a valid document is written, each key is found."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.config.positions import Way, key_positions

BARE = st.text("abcXYZ019-_", min_size=1, max_size=6)
QUOTED = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=6
)
KEYS = st.one_of(BARE, QUOTED)
TEXTS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])
    | st.sampled_from("\"'\\[]{}#=,.\n\t"),
    max_size=12,
)
SCALARS = st.one_of(
    st.integers(-(2**62), 2**62),
    st.booleans(),
    st.sampled_from([0.5, -1e300]),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=5)
BLANKS = st.sampled_from(["", " ", "\t ", "  "])
COMMENTS = st.sampled_from(["", "# x", '# [a]\n# b = """', "#"])


def spelled_key(draw: st.DrawFn, key: str) -> str:
    """Return a key in one of its spellings."""
    spellings = [json.dumps(key, ensure_ascii=draw(st.booleans()))]
    if key and key.isascii() and key.replace("-", "").replace("_", "").isalnum():
        spellings.append(key)
    if "'" not in key:
        spellings.append(f"'{key}'")
    return draw(st.sampled_from(spellings))


def spelled_text(draw: st.DrawFn, text: str) -> str:
    """Return a string in one of its spellings."""
    basic = json.dumps(text)
    spellings = [basic, f'"""\n{basic[1:-1]}"""']
    if "'" not in text and "\n" not in text:
        spellings.append(f"'{text}'")
    if "'" not in text:
        spellings.append(f"'''\n{text}'''")
    return draw(st.sampled_from(spellings))


def spelled(draw: st.DrawFn, value: Any) -> str:
    """Return a value in one of its spellings."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return spelled_text(draw, value)
        case list():
            gap = draw(st.sampled_from([" ", "\n", " # ]\n"]))
            items = [spelled(draw, item) for item in value]
            return "[" + gap + f",{gap}".join(items) + gap + "]"
        case dict():
            pairs = [
                f"{spelled_key(draw, key)}{draw(BLANKS)}={draw(BLANKS)}"
                f"{spelled(draw, item)}"
                for key, item in value.items()
            ]
            return "{" + draw(BLANKS) + ", ".join(pairs) + draw(BLANKS) + "}"
        case _:
            return repr(value)


def pairs(draw: st.DrawFn, table: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table's keys."""
    for key, value in table.items():
        yield draw(COMMENTS)
        yield (
            f"{draw(BLANKS)}{spelled_key(draw, key)}{draw(BLANKS)}={draw(BLANKS)}"
            f"{spelled(draw, value)}{draw(BLANKS)}{draw(COMMENTS)}"
        )


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Make a document of top keys, tables, tables in tables and arrays of tables."""
    names = st.lists(BARE, min_size=4, max_size=4, unique=True)
    table, inner, array, deep = draw(names)
    top = draw(st.dictionaries(KEYS, VALUES, max_size=3))
    lines = list(pairs(draw, top))
    if not {table, array} & top.keys():
        lines += [f"[ {table} ]", *pairs(draw, draw(TABLES))]
        for _ in range(draw(st.integers(0, 3))):
            lines += [f"[[{array}]]", *pairs(draw, draw(TABLES))]
            lines += [f"[{array} . {deep}]", *pairs(draw, draw(TABLES))]
        lines += [f"[{table}.{inner}]", *pairs(draw, draw(TABLES))]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


def ways(value: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to every key of a parsed document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*way, key)
            yield from ways(item, (*way, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ways(item, (*way, index))


@given(documents())
def test_every_key_of_every_document_is_found(text: str) -> None:
    """The parser of the standard library says which keys there are."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # two of the names drawn were the same

    found = key_positions(text)

    assert {way for way in found if isinstance(way[-1], str)} == set(ways(table))
    lines = text.split("\n")
    for way, (line, column) in found.items():
        if len(way) == 1:
            assert lines[line - 1][column - 1 :].startswith((str(way[0]), '"', "'"))


@pytest.mark.parametrize(
    ("text", "way", "line", "column"),
    [
        ("a = 1", ("a",), 1, 1),
        ("\n  a = 1", ("a",), 2, 3),
        ("# a = 1\r\na = 1", ("a",), 2, 1),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4, 1),
        ("a = '''b = 1'''\nb = 2", ("b",), 2, 1),
        ("a = [\n  '#', # ]\n]\nb = 2", ("b",), 4, 1),
        ("a.b = 1\na.c = 2", ("a",), 1, 1),
        ("a.b = 1\na.c = 2", ("a", "c"), 2, 1),
        ("[hosts.web01]\nport = 1", ("hosts", "web01"), 1, 2),
        ("[hosts.web01]\nport = 1", ("hosts", "web01", "port"), 2, 1),
        ('[hosts]\nw = {address = "x", port = 0}', ("hosts", "w", "port"), 2, 21),
        ('é = 1\n"\\u00e9\\U0001F600" = 2', ("é😀",), 2, 1),
        ("[[a]]\n[[a]]\nb = 1979-05-27 07:32:00 # x\nc = 1", ("a", 1, "c"), 4, 1),
    ],
)
def test_a_key_is_where_an_editor_shows_it(
    text: str, way: Way, line: int, column: int
) -> None:
    """Lines and characters are counted from 1."""
    assert key_positions(text)[way] == (line, column)
