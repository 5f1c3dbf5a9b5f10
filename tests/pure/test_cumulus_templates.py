"""Templates beyond the public cases: bounds, blanks, and what always holds (C-4)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cumulus_messages import MIB, error_of, prepared, with_config
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES, is_same

from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.terms import TaskTerms
from protocol.jsontext import encode


@pytest.mark.parametrize(
    "config",
    [
        {"x": ["{$}"] * 1000},
        {"x": "{$}" * 1000},
        {"x": ["a{$.meta}b"] * 1000},
        {"x": ["{[$.meta.many[*]]}"] * 1000},
        {"x": ["{meta.text}"] * 1000},
        {"x": {"k" * 4096: [{"k" * 4096: 1}] * 1100}},
    ],
)
def test_a_template_bomb_is_refused_at_once(config: Any) -> None:
    """E11: it is counted while it is put together, not afterwards."""
    meta = {"many": ["x" * 10] * 1000, "text": "y" * 10_000}
    began_at = time.process_time()

    error = error_of(with_config(config, meta=meta))

    assert error.type == "States.DataLimitExceeded"
    assert str(4 * MIB) in error.message
    assert time.process_time() - began_at < 5  # 0.05 on an idle machine


def test_what_is_longer_than_a_line_is_refused() -> None:
    """The input counts too, which no template made."""
    with pytest.raises(CumulusError, match="at most 100 ") as caught:
        prepared(with_config({}, payload="x" * 101), max_bytes=100)

    assert caught.value.type == "States.DataLimitExceeded"


def test_templates_make_nothing_that_nests_too_deeply() -> None:
    """A template in a deep place may name what is deep itself."""
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    place: Any = "{meta.deep}"
    for _ in range(60):
        place = [place]

    error = error_of(with_config({"x": place}, meta={"deep": deep}))

    assert error.type == "States.DataLimitExceeded"


def test_a_configuration_may_not_nest_too_deeply() -> None:
    """A definition's own is in no message."""
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep}
    terms = TaskTerms(name="T", task_config=deep)

    assert error_of({"cumulus_meta": {}}, terms).type == "States.DataLimitExceeded"


def test_an_input_may_not_nest_too_deeply() -> None:
    """A message of 100 levels is fine, and one more around it is not."""
    deep: Any = {"cumulus_message": {"input": {"a": "{$}"}}}
    payload: Any = 1
    for _ in range(99):
        payload = [payload]

    error = error_of(with_config(deep, payload=payload))

    assert error.message.startswith("depth of input and configuration: 102,")


def test_a_blank_in_front_or_behind_finds_nothing() -> None:
    """T5: whatever the engine thinks of it."""
    resolver = Resolver({"a": 1, " a": 2}, MIB)

    resolved = resolver.resolve(["{ a}", "{$.a }", "{[ $.a ]}", "{$.! }", "{}", "{[]}"])

    assert resolved == ["{ a}", None, [], "{$.! }", "{}", "{[]}"]


@given(VALUES)
def test_what_has_no_brace_is_its_own_resolution(value: Any) -> None:
    """Whatever else is in it."""
    if "{" not in str(value):
        assert is_same(Resolver({}, 10**9).resolve(value), value)


NAMES = st.sampled_from(["a", "b", "c.d", "$.a", "$.c.d", "nope"])


TEMPLATES = st.lists(
    st.sampled_from(["x", " ", "}"]) | NAMES.map(lambda name: f"{{{name}}}")
).map("".join)


DOCUMENTS = st.fixed_dictionaries(
    {
        "a": st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"])),
        "b": st.integers(),
        "c": st.fixed_dictionaries({"d": st.booleans() | st.floats(-1, 1)}),
    }
)


@given(TEMPLATES, DOCUMENTS)
def test_what_was_resolved_is_resolved(text: str, document: Any) -> None:
    """Where no value has braces, or is null, a second time changes nothing."""
    once = Resolver(document, 10**9).resolve([text, {text: text}])

    assert isinstance(once, list)
    assert once[1] == {text: once[0]}
    assert is_same(once, Resolver(document, 10**9).resolve(once))


@given(TEMPLATES, DOCUMENTS)
def test_a_text_grows_by_what_it_names_and_no_more(text: str, document: Any) -> None:
    """It is put in once, and nothing of it is looked at again."""
    resolved = Resolver(document, 10**9).resolve([text])

    longest = max(len(document["a"]), len(str(document["b"])), 25)
    assert len(encode(resolved)) <= 6 * (len(text) + text.count("{") * longest) + 4


@given(st.lists(TEMPLATES, max_size=5), DOCUMENTS)
def test_what_is_as_long_as_it_may_be_is_taken(texts: list[str], meta: Any) -> None:
    """T9: counting beforehand refuses nothing that has room."""
    config: Any = {"texts": texts, "same": ["{$.meta}", "x{meta.c}y"], "": []}
    message = with_config(config, meta=meta)
    size = len(prepared(message).text)

    assert len(prepared(message, max_bytes=size).text) == size
    with pytest.raises(CumulusError, match=f"at most {size - 1} "):
        prepared(message, max_bytes=size - 1)
