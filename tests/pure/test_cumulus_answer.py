"""The next message, out of answers beyond the public cases."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_messages import MIB, prepared, with_config

from harpcaller.adapters.cumulus import answer, storing
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms


def whole(message: dict[str, Any], back: Any) -> answer.Next:
    """Return what comes of a whole message as an answer."""
    terms = TaskTerms(name="T", call=CallForm.MESSAGE)
    return answer.next_message(prepared(message, terms), back, MIB)


@pytest.mark.parametrize(
    ("back", "path"),
    [
        ({"cumulus_meta": {"a": [1, 3]}, "meta": {"m": {"x": 1}}}, "cumulus_meta.a[1]"),
        ({"cumulus_meta": {"a": [1]}, "meta": {"m": {"x": 1}}}, "cumulus_meta.a"),
        ({"cumulus_meta": {"a": [1, True]}, "meta": {}}, "cumulus_meta.a[1]"),
        ({"cumulus_meta": {"a": [1, 2]}, "meta": {"m": {}}}, "meta.m.x"),
        ({"cumulus_meta": {"a": [1, 2]}, "meta": 5}, "meta"),
        ({"cumulus_meta": {"a": [1, 2]}, "meta": None}, "meta"),
        ({"cumulus_meta": {"a": [1, 2]}}, "meta"),
        ({"cumulus_meta": {"a": [1, 2], "b": 1}, "meta": {}}, "cumulus_meta.b"),
    ],
)
def test_what_a_task_may_not_change_is_named(back: Any, path: str) -> None:
    """E15: the first place that differs."""
    message = {"cumulus_meta": {"a": [1, 2]}, "meta": {"m": {"x": 1}}}

    with pytest.raises(CumulusError) as caught:
        whole(message, back)

    assert (caught.value.type, caught.value.path) == ("Cumulus.InvalidAnswer", path)


def test_numbers_of_an_answer_are_equal_by_value() -> None:
    """Many languages know only one kind of them."""
    after = whole(
        {"cumulus_meta": {"n": 1.0, "l": [2]}}, {"cumulus_meta": {"n": 1, "l": [2]}}
    )

    assert after.message == {"cumulus_meta": {"n": 1.0, "l": [2]}}


def test_a_configuration_of_the_definition_is_no_part_of_the_message() -> None:
    """A task that gets the whole message finds it there, and it does not come back."""
    terms = TaskTerms(
        name="T", call=CallForm.MESSAGE, task_config={"x": "{cumulus_meta.a}"}
    )
    task = prepared({"cumulus_meta": {"a": 1}}, terms)

    after = answer.next_message(task, dict(task.sent), MIB)

    assert task.sent == {"cumulus_meta": {"a": 1}, "task_config": {"x": 1}}
    assert after.message == {"cumulus_meta": {"a": 1}}


def test_an_exception_that_came_in_aborts_nothing() -> None:
    """It is data; only one that a task sets is a sign."""
    message = {"cumulus_meta": {}, "exception": {"Error": "old"}}

    assert not whole(message, message).is_aborted
    assert whole(message, {**message, "exception": "new"}).is_aborted
    assert whole(message, {"cumulus_meta": {}}).message["exception"] == "None"


def with_output(source: Any, destination: str, **more: Any) -> dict[str, Any]:
    """Return a message that writes a part of the answer somewhere."""
    outputs = [{"source": source, "destination": destination}]
    return with_config({"cumulus_message": {"outputs": outputs}}, **more)


def test_an_output_may_replace_an_element_that_is_there() -> None:
    """And makes no lists longer."""
    meta = {"l": [{"a": 1}, 2]}
    task = prepared(with_output("{$.x}", "meta.l[0].b", meta=meta))

    after: Any = answer.next_message(task, {"x": 5}, MIB).message

    assert after["meta"] == {"l": [{"a": 1, "b": 5}, 2]}
    for destination in ("meta.l[2]", "meta.l[0][0]"):
        task = prepared(with_output("{$.x}", destination, meta=meta))
        with pytest.raises(CumulusError) as caught:
            answer.next_message(task, {"x": 5}, MIB)
        assert caught.value.type == "States.ResultPathMatchFailure"


def test_what_counts_as_absent_is_in_nobodys_way() -> None:
    """A message may say null for no meta, and "None" for no exception."""
    outputs = [
        {"source": "{x}", "destination": "meta.a"},
        {"source": "{x}", "destination": "exception.Error"},
    ]
    config = {"cumulus_message": {"outputs": outputs}}
    message = {"exception": "None", "meta": None, **with_config(config)}

    after = answer.next_message(prepared(message), {"x": 5}, MIB).message

    assert list(after) == [*message, "payload"]
    assert (after["meta"], after["exception"]) == ({"a": 5}, {"Error": 5})


def test_outputs_make_no_message_beyond_all_bounds() -> None:
    """The same part of an answer may go to many places, and again with each task."""
    outputs = [{"source": "{$}", "destination": f"meta.a{n}"} for n in range(20)]
    message = with_config({"cumulus_message": {"outputs": outputs}})

    with pytest.raises(CumulusError, match="at most 16000 ") as many:
        answer.next_message(prepared(message), "x" * 1000, 1000)
    message = with_output("{$}", "meta.a", meta={"b": "x" * 16_000})
    with pytest.raises(CumulusError, match="bytes of the message") as again:
        answer.next_message(prepared(message), "x", 1000)

    assert many.value.type == again.value.type == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{nope}", None),
        ("{['nope']}", []),
        ("{[$.nope]}", []),
        ("{a b}", "{a b}"),
        ("{x.y}", None),
        ({"k": "{x}"}, {"k": 5}),
    ],
)
def test_an_output_that_finds_nothing_is_null(source: Any, value: Any) -> None:
    """Dotted paths too; what is no path is a text."""
    task = prepared(with_output(source, "payload.v"))

    after: Any = answer.next_message(task, {"x": 5}, MIB).message

    assert after["payload"] == {"v": value}


def test_a_stored_message_goes_into_the_whole_of_the_next() -> None:
    """`$` as a path is all of it."""
    message = {
        "cumulus_meta": {"system_bucket": "b"},
        "ReplaceConfig": {"Path": "$", "TargetPath": "$"},
    }
    task = prepared(message)
    assert task.storing is not None

    kept = storing.stored(task.message, task.storing, "x")

    assert isinstance(kept, storing.Stored)
    assert kept.message["replace"] == {
        "Bucket": "b",
        "Key": "events/x",
        "TargetPath": "$",
    }
