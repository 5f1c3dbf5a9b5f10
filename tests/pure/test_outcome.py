"""How a job ended, as text and back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from json_values import TEXTS, VALUES, is_same

from protocol.jsontext import JsonText, decode, encode
from protocol.outcome import (
    Cancelled,
    Failed,
    Outcome,
    Raised,
    Returned,
    outcome_text,
    read_outcome,
)

DATA = st.none() | VALUES.map(encode)
COMPLAINTS = {"type": TEXTS, "message": TEXTS, "data": DATA}
OUTCOMES: st.SearchStrategy[Any] = (
    VALUES.map(encode).map(Returned)
    | st.builds(Raised, **COMPLAINTS)
    | st.builds(Failed, **COMPLAINTS)
    | st.just(Cancelled())
)


@given(OUTCOMES)
def test_an_outcome_comes_back_from_its_text(outcome: Outcome) -> None:
    """The store keeps the text that the wire shows; both must say all of it."""
    assert read_outcome(outcome_text(outcome)) == outcome


@given(VALUES)
def test_a_result_is_the_value_under_its_key(value: Any) -> None:
    """The text is put together from parts; it must be the JSON it looks like."""
    told = decode(outcome_text(Returned(encode(value))), max_depth=1000)

    assert is_same(told, {"result": value})


def test_the_outcomes_have_the_shapes_of_the_specification() -> None:
    """Clients of the original read them."""
    data = JsonText(b'{"code":"econnrefused"}')
    texts = [
        outcome_text(Returned(JsonText(b"null"))),
        outcome_text(Raised(type="ValueError", message="no")),
        outcome_text(Failed(type="network_error", message="refused", data=data)),
        outcome_text(Cancelled()),
    ]

    assert [json.loads(text) for text in texts] == [
        {"result": None},
        {"exception": {"type": "ValueError", "message": "no"}},
        {
            "error": {
                "type": "network_error",
                "message": "refused",
                "data": {"code": "econnrefused"},
            }
        },
        {"cancelled": True},
    ]


def test_a_result_that_looks_like_a_cancellation_stays_a_result() -> None:
    """What a procedure returns must not be taken for what we say."""
    sly = Returned(JsonText(b'{"cancelled":true}'))

    assert read_outcome(outcome_text(sly)) == sly
