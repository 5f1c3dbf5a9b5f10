"""Documents of services that are nearly STAC: each is a failure, none a crash."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeAlias

import pytest
from harmony_corpus import operation, settings
from harmony_outcomes import an_item, an_outcome
from harmony_requests import COPY
from harmony_runs import World, a_call, carried_out
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as some

from harpcaller.adapters.harmony.stac import NotStac, check_catalog, read_item

Path: TypeAlias = tuple[str | int, ...]

GOOD = an_outcome("async-2.s1.b0")
JUNK: tuple[Any, ...] = (
    None,
    7,
    -1.5,
    "",
    "../x",
    "file:///etc/x",
    [],
    {},
    [None],
    {"a": 1},
    True,
)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Give the way to each part of a value."""
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for key, part in parts:
        yield (*path, key)
        yield from paths(part, (*path, key))


PATHS = list(paths(GOOD))


@effort(max_examples=60, deadline=None)
@given(where=some.sampled_from(PATHS), what=some.sampled_from([*JUNK, "gone"]))
def test_no_result_breaks_a_run(where: Path, what: Any) -> None:
    """A service that errs costs its own unit, and no more."""
    outcome = deepcopy(GOOD)
    holder: Any = outcome
    for key in where[:-1]:
        holder = holder[key]
    if what == "gone":
        del holder[where[-1]]
    else:
        holder[where[-1]] = deepcopy(what)
    if len(where) == 1:  # no result at all is no outcome of a call
        outcome = {"result": None}
    outcomes = {"s1.b0": outcome, "s1.b1": an_outcome("async-2.s1.b1")}

    failure, result = carried_out(
        a_call(COPY, operation("async-2.json")),
        World(outcomes=outcomes),
        settings(retry_limit=0),
    )

    assert [unit["key"] for unit in result["units"]] == ["s1.b0", "s1.b1"]
    assert (failure == "") == (result["status"] == "successful")


@pytest.mark.parametrize(
    "change",
    [
        {"links": None},
        {"links": [7]},
        {"links": [{"rel": ["item"], "href": "x"}]},
        {"links": [{"rel": "item", "href": 7}]},
        {"properties": None},
        {"assets": None},
        {"assets": {"data": {"href": 7}}},
        {"id": None},
    ],
)
def test_an_item_has_all_that_we_go_by(change: dict[str, Any]) -> None:
    """What pystac forgives would break us later."""
    item = {**an_item(), **change}
    whole = {name: value for name, value in item.items() if value is not None}

    with pytest.raises(NotStac, match="x is no STAC item"):
        read_item(whole, "/d/x", None)


def test_a_catalog_has_links() -> None:
    """Without them there is nothing in it."""
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": ""}

    with pytest.raises(NotStac):
        check_catalog(catalog, "/d/x")
