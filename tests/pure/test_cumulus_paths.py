"""Places in JSON values, and JSONPath with its work bounded."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest
from cumulus_messages import config_of, error_of, with_config
from jsonpath_ng.parser import parse

from harpcaller.adapters.cumulus import paths
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.paths import NoPath
from harpcaller.adapters.cumulus.searching import MAX_WORK, Search


def test_looking_everywhere_has_a_bound() -> None:
    """Two dots on a large message take for ever."""
    message = with_config({"x": "{$..z}"}, payload=[0] * 100_001)

    assert error_of(message).type == "States.DataLimitExceeded"
    assert config_of(with_config({"x": "{$..z}"}, payload={"z": 1})) == {"x": 1}


def test_a_path_that_is_too_long_is_none() -> None:
    """Parsing takes as long as the path."""
    text = "{$.a" + "[*]" * 400 + "}"

    assert config_of(with_config({"x": text})) == {"x": text}
    with pytest.raises(NoPath):
        paths.find("$.[", {})


def test_a_simple_path_goes_only_where_something_is() -> None:
    """An index into an object is no name, and the reverse."""
    document: Any = {"a": {"0": 1}, "l": [1]}

    assert paths.find("a[0]", document) == paths.find("l.x", document) == []
    assert paths.find("$.l[0]", document) == [1]
    assert config_of(with_config({"x": "{[a b]}"})) == {"x": "{[a b]}"}


@pytest.mark.parametrize(
    "path",
    [
        "$.a|$.b.c[*].x",
        "$.b.(c[0]|c[1]).x",
        "$.b..x|$.a",
        "$.b.c.`parent`.c[1].x",
        "$..c[*]",
        "$..*..x",
        "$.b.c[0:1]..x",
        "$.*.c[1,0]['x']",
        "$.b where c",
        "$..(x|c)",
    ],
)
def test_a_search_finds_what_the_engine_finds(path: str) -> None:
    """T8: unions too, of which it warns that they will go."""
    document: Any = {"a": 1, "b": {"c": [{"x": 2}, {"x": 3}]}}
    with warnings.catch_warnings(action="ignore"):
        expected = [datum.value for datum in parse(path).find(document)]

    assert paths.find(path, document) == expected != []


def test_the_root_has_no_parent() -> None:
    """Where the engine gives up there is nothing."""
    assert paths.find("`parent`", {"a": 1}) == []


DEEP: Any = functools.reduce(lambda inner, _: [inner, 1], range(60), list[Any]())


def search_for(looked_for: list[str], document: Any, max_work: int) -> None:
    """Look for paths, one after the other."""
    search = Search(document, max_work)
    for path in looked_for:
        search.find(path)


@pytest.mark.parametrize(
    "looked_for",
    [
        [f"$.many[*].x{number}" for number in range(30)],
        [f"$.['x{number}']" for number in range(101)],
        ["$..*..*..*..*"],
        ["$.deep..(*..*..*)"],
        ["$.deep..*|$.deep..*..*"],
        ["$.many|(" + "|".join(["$..x"] * 60) + ")"],
        [f"$..x{number}" for number in range(30)],
    ],
)
def test_what_takes_too_long_to_find_is_refused(looked_for: list[str]) -> None:
    """A message may not keep us busy for minutes."""
    document = {"many": [{"a": 1}] * 500, "deep": DEEP}

    with pytest.raises(CumulusError) as caught:
        search_for(looked_for, document, max_work=10_000)

    assert caught.value.type == "States.DataLimitExceeded"
    assert caught.value.message.endswith(", at most 10000 are allowed")


def test_the_bound_of_searches_is_for_all_templates_of_a_task() -> None:
    """Each alone would be quick enough."""
    texts = [f"{{[$.meta.many[*].x{number}]}}" for number in range(1000)]
    meta = {"many": [{"a": 1}] * 5000}

    error = error_of(with_config({"x": texts}, meta=meta))

    assert error.type == "States.DataLimitExceeded"
    assert str(MAX_WORK) in error.message


def test_a_path_has_no_more_steps_than_a_message_has_levels() -> None:
    """Whoever writes to it goes down step by step."""
    assert paths.read_simple(".".join("a" * 100)) == ("a",) * 100
    assert paths.read_simple(".".join("a" * 101)) is None
