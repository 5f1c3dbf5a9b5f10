"""What every child carries in its info, and how much of it there may be."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import a_message

from harpcaller.adapters.cumulus.execution import Visit
from harpcaller.adapters.cumulus.info import MAX_BYTES, info_of
from protocol.jsontext import decode


def told(message: Any, index: int | None = None) -> Any:
    """Return the info of the first attempt of a task."""
    text = info_of("Flow", Visit(0, "A", index, None), 0, message)
    assert len(text) <= MAX_BYTES
    info: Any = decode(text)
    return info["cumulus"]


def granules(count: int, length: int = 8) -> list[Any]:
    """Return granules with ids of some length."""
    return [{"granuleId": f"{number:0{length}}"} for number in range(count)]


@pytest.mark.parametrize("message", [{}, [], None, {"meta": 1, "cumulus_meta": []}])
def test_what_a_message_does_not_tell_is_left_out(message: Any) -> None:
    """Plain parameters may come of a document that is no message at all."""
    assert told(message) == {"workflow": "Flow", "task": "A", "attempt": 0}


def test_a_stack_may_stand_in_either_place() -> None:
    """cumulus_meta's counts before meta's."""
    assert told({"meta": {"stack": "m"}})["stack"] == "m"
    assert (
        told({"cumulus_meta": {"stack": "c"}, "meta": {"stack": "m"}})["stack"] == "c"
    )


def test_a_collection_has_a_name_and_a_version() -> None:
    """One without the other names none."""
    assert "collection" not in told({"meta": {"collection": {"name": "x"}}})


def test_granules_are_the_payloads_else_the_inputs() -> None:
    """What has no id is counted, and not named."""
    own = a_message(payload={"granules": [*granules(1), {}, 3]})
    input_granules = a_message(meta={"input_granules": granules(2)}, payload=[1])

    assert told(own)["granules"] == ["00000000"]
    assert told(own)["granules_total"] == 3
    assert told(input_granules)["granules"] == ["00000000", "00000001"]


def test_the_first_hundred_granules_are_named() -> None:
    """The total tells that there are more."""
    info = told(a_message(payload={"granules": granules(150)}))

    assert len(info["granules"]) == 100
    assert info["granules_total"] == 150


def test_long_ids_make_fewer_granules() -> None:
    """The info has a limit, and the total is told all the same."""
    info = told(a_message(payload={"granules": granules(80, length=100)}))

    assert 10 < len(info["granules"]) < 40
    assert info["granules_total"] == 80


def test_an_id_may_be_too_long_to_be_told() -> None:
    """Then none is."""
    info = told(a_message(payload={"granules": granules(1, length=5000)}))

    assert info["granules"] == []


def test_names_that_are_too_long_are_left_out() -> None:
    """A message may say anything under any name."""
    info = told({"cumulus_meta": {"stack": "x" * 5000, "execution_name": "ex-1"}})

    assert "stack" not in info
    assert info["execution_name"] == "ex-1"
