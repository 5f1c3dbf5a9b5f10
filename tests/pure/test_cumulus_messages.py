"""Messages around a task beyond the public cases: limits, complaints, properties."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES, is_same

from harpcaller.adapters.cumulus import answer, paths, storing, task_input
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.message import odd_source
from harpcaller.adapters.cumulus.paths import NoPath
from harpcaller.adapters.cumulus.references import (
    Reference,
    payload_reference,
    read_document,
)
from harpcaller.adapters.cumulus.schemas import check_schema, validate
from harpcaller.adapters.cumulus.templates import Resolver, depth_of
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms
from protocol.jsontext import decode

MIB = 2**20
TERMS = TaskTerms(name="T")
TARGET = Reference(bucket="b", key="k")


def prepared(
    message: dict[str, Any], terms: TaskTerms = TERMS, max_bytes: int = 4 * MIB
) -> task_input.Prepared:
    """Return what a message is prepared to."""
    return task_input.prepare(task_input.begin(message), terms, max_bytes)


def config_of(message: dict[str, Any]) -> Any:
    """Return the configuration that a task gets."""
    arguments = decode(prepared(message).text)
    assert isinstance(arguments, dict)
    return arguments["config"]


def error_of(message: dict[str, Any], terms: TaskTerms = TERMS) -> CumulusError:
    """Return the complaint about a message."""
    with pytest.raises(CumulusError) as caught:
        prepared(message, terms)
    return caught.value


def with_config(config: Any, **more: Any) -> dict[str, Any]:
    """Return a message that configures the task."""
    return {"cumulus_meta": {}, "task_config": config, **more}


# ── the specification's own example ──
def test_the_example_of_the_specification() -> None:
    """C-3: the name in the text, and the message identical but for its payload."""
    message: dict[str, Any] = {
        "cumulus_meta": {"buckets": {"private": "pv"}},
        "meta": {"name": "Hello"},
        "workflow_config": {
            "T": {
                "output": "{meta.name} World!",
                "bucket": "{cumulus_meta.buckets.private}",
            }
        },
    }

    task = prepared(message)
    after = answer.next_message(task, {"ok": 1}, MIB)

    assert decode(task.text) == {
        "input": None,
        "config": {"output": "Hello World!", "bucket": "pv"},
    }
    assert after.message == {**message, "payload": {"ok": 1}}


# ── bounds ──
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


def test_a_message_may_not_nest_too_deeply() -> None:
    """E17: 100 levels are enough for anybody."""
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep}

    assert error_of({"cumulus_meta": {}, "x": deep}).type == "Cumulus.InvalidMessage"
    assert depth_of(deep) == 101


def test_a_configuration_may_not_nest_too_deeply() -> None:
    """A definition's own is in no message."""
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep}
    terms = TaskTerms(name="T", task_config=deep)

    assert error_of({"cumulus_meta": {}}, terms).type == "States.DataLimitExceeded"


def test_a_document_may_not_nest_too_deeply() -> None:
    """It becomes a part of the message."""
    with pytest.raises(CumulusError, match="depth"):
        read_document(TARGET, b"[" * 101 + b"]" * 101)


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


# ── complaints ──
@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"cumulus_message": 1}, "task_config.cumulus_message"),
        ({"cumulus_message": {"outputs": 1}}, "task_config.cumulus_message.outputs"),
        (
            {"cumulus_message": {"outputs": [1]}},
            "task_config.cumulus_message.outputs[0]",
        ),
        (
            {"cumulus_message": {"outputs": [{"destination": "payload"}]}},
            "task_config.cumulus_message.outputs[0].source",
        ),
        (
            {"cumulus_message": {"outputs": [{"source": "{a}"}]}},
            "task_config.cumulus_message.outputs[0].destination",
        ),
        (
            {"cumulus_message": {"outputs": [{"source": "x", "destination": "{}"}]}},
            "task_config.cumulus_message.outputs[0].destination",
        ),
    ],
)
def test_what_a_message_asks_for_is_looked_at_before_the_call(
    config: Any, path: str
) -> None:
    """E7: and a definition's own when it is read."""
    error = error_of(with_config(config))

    assert (error.type, error.path) == ("Cumulus.InvalidWorkflow", path)
    with pytest.raises(CumulusError):
        task_input.check_config(config)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (1, "ReplaceConfig"),
        ({"FullMessage": True, "MaxSize": "x"}, "ReplaceConfig.MaxSize"),
        ({"FullMessage": True, "MaxSize": True}, "ReplaceConfig.MaxSize"),
        ({"Path": "$.a[*]"}, "ReplaceConfig.Path"),
        ({"Path": "$.a", "TargetPath": "$.a[*]"}, "ReplaceConfig.TargetPath"),
    ],
)
def test_what_is_to_be_stored_is_looked_at_before_the_call(
    wanted: Any, path: str
) -> None:
    """E7, E16: a task should not run if its message cannot be handed on."""
    error = error_of({"cumulus_meta": {}, "ReplaceConfig": wanted})

    assert (error.type, error.path) == ("Cumulus.InvalidWorkflow", path)


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


def test_a_target_that_is_not_there_is_refused() -> None:
    """E4: nothing is fetched for it."""
    message: Any = {
        "cumulus_meta": {},
        "replace": {"Bucket": "b", "Key": "k", "TargetPath": "meta.x"},
    }

    with pytest.raises(CumulusError) as caught:
        task_input.replace_of(task_input.begin(message))

    assert caught.value.path == "replace.TargetPath"


def test_a_payload_that_is_not_there_may_be_replaced() -> None:
    """It counts as null."""
    message: Any = {
        "cumulus_meta": {},
        "replace": {"Bucket": "b", "Key": "k", "TargetPath": "payload"},
    }
    begun = task_input.begin(message)
    replace = task_input.replace_of(begun)
    assert replace is not None

    assert task_input.replaced(begun, replace, 5).message == {
        "cumulus_meta": {},
        "payload": 5,
    }


def test_a_message_that_came_from_outside_is_looked_at_too() -> None:
    """E1: in the place of the one that had only a reference."""
    begun = task_input.begin({"replace": {"Bucket": "b", "Key": "k"}})
    replace = task_input.replace_of(begun)
    assert replace is not None

    with pytest.raises(CumulusError, match="cumulus_meta"):
        task_input.replaced(begun, replace, {})


def test_only_allowed_buckets_are_read() -> None:
    """A message chooses the bucket, and our credentials open it."""
    TARGET.check_allowed(None)
    TARGET.check_allowed(frozenset({"b"}))

    with pytest.raises(CumulusError) as caught:
        TARGET.check_allowed(frozenset())

    assert caught.value.code == "NotAllowed"
    assert caught.value.about == {"bucket": "b", "key": "k", "code": "NotAllowed"}


@pytest.mark.parametrize(
    ("payload", "uri"),
    [
        ({"Bucket": "b", "Key": "a//b"}, "s3://b/a//b"),
        ({"Bucket": "b", "Key": "/lead"}, "s3://b//lead"),
        ({"Bucket": "b", "Key": "é +%?.json"}, "s3://b/%C3%A9%20%2B%25%3F.json"),
        ({"Bucket": "b", "Key": "k", "VersionId": "v/1"}, "s3://b/k?versionId=v%2F1"),
    ],
)
def test_a_key_is_kept_as_it_is(payload: Any, uri: str) -> None:
    """Whatever it has in it: it is encoded once, and decoded once."""
    reference = payload_reference(payload)

    assert reference is not None
    assert reference.uri == uri


# ── the answer ──
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


@pytest.mark.parametrize(
    ("source", "value"),
    [("{nope}", None), ("{a b}", "{a b}"), ("{x.y}", None), ({"k": "{x}"}, {"k": 5})],
)
def test_an_output_that_finds_nothing_is_null(source: Any, value: Any) -> None:
    """Dotted paths too; what is no path is a text."""
    task = prepared(with_output(source, "payload.v"))

    after: Any = answer.next_message(task, {"x": 5}, MIB).message

    assert after["payload"] == {"v": value}


def test_the_context_of_an_execution_is_told() -> None:
    """Its names only together."""
    message = {"cumulus_meta": {"execution_name": "e", "cumulus_context": {"c": 1}}}

    arguments: Any = decode(prepared(message).text)

    assert arguments["cumulus_config"] == {"cumulus_context": {"c": 1}}


def test_an_event_has_no_message_configuration_where_there_is_none() -> None:
    """A procedure should not have to tell null from absent."""
    terms = TaskTerms(name="T", call=CallForm.EVENT)

    arguments = decode(prepared({"cumulus_meta": {}}, terms).text)

    assert arguments == [{"input": None, "config": {}}]


# ── schemas ──
def test_a_schema_is_looked_at_before_it_is_used() -> None:
    """When the definition is read."""
    assert check_schema({"type": "object"}) is None
    assert check_schema(True) is None
    assert "an object" in str(check_schema([]))
    assert "$.type violates" in str(check_schema({"type": 5}))


def test_a_violation_names_the_place_and_no_value() -> None:
    """There are credentials among them."""
    schema: Any = {"properties": {"a": {"items": {"type": "string"}}}}

    with pytest.raises(CumulusError) as caught:
        validate(schema, {"a": ["x", 5]}, "input")

    assert caught.value.path == "input.a[1]"
    assert caught.value.message == "input.a[1] violates type of its schema"


def test_a_schema_fetches_nothing() -> None:
    """A reference to elsewhere would be a request that anybody can cause."""
    with pytest.raises(CumulusError, match="cannot be applied"):
        validate({"$ref": "http://127.0.0.1:9/x"}, {}, "input")


@pytest.mark.parametrize(
    ("name", "payload", "path"),
    [
        ("remote-urls", {}, "input"),
        ("remote-urls", [1], "input[0]"),
        ("remote-urls", [{"url": "u"}, {"url": 1}], "input[1]"),
        ("remote-urls", [{"url": "u", "version": 1}], "input[0]"),
        ("s3-objects", [{"Bucket": "b", "Key": ""}], "input[0]"),
        ("null", 0, "input"),
    ],
)
def test_a_payload_of_another_format_is_refused(
    name: str, payload: Any, path: str
) -> None:
    """E14: before the call."""
    terms = TaskTerms(name="T", input_format=name)

    error = error_of({"cumulus_meta": {}, "payload": payload}, terms)

    assert (error.type, error.path) == ("Cumulus.ValidationError", path)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("remote-urls", [{"url": "u"}, {"url": "u", "version": "v", "more": 1}]),
        ("s3-objects", [{"Bucket": "b", "Key": "k"}]),
        ("null", None),
        ("any", 5),
    ],
)
def test_a_payload_of_its_format_is_taken(name: str, payload: Any) -> None:
    """With fields that the specification does not know."""
    terms = TaskTerms(name="T", input_format=name, output_format=name)
    task = prepared({"cumulus_meta": {}, "payload": payload}, terms)

    assert answer.next_message(task, payload, MIB).message["payload"] == payload


def test_the_metadata_of_a_task_takes_the_next_number() -> None:
    """Behind the largest: none is written over where numbers have gaps."""
    metadata = {"name": "p", "version": None, "arn": "harp://h/p"}
    terms = TaskTerms(name="T", metadata=metadata)
    message = {"cumulus_meta": {}, "meta": {"workflow_tasks": {"0": 1, "7": 1, "x": 1}}}

    after: Any = prepared(message, terms).message

    assert after["meta"]["workflow_tasks"] == {"0": 1, "7": 1, "x": 1, "8": metadata}


@pytest.mark.parametrize(
    ("meta", "is_odd"),
    [({}, False), ({"message_source": "sfn"}, False), ({"message_source": "k"}, True)],
)
def test_a_message_from_elsewhere_is_known(meta: Any, is_odd: bool) -> None:
    """C-7: it is accepted, and worth a word."""
    assert odd_source({"cumulus_meta": meta}) == is_odd


# ── properties (C-4) ──
@given(VALUES)
def test_what_has_no_brace_is_its_own_resolution(value: Any) -> None:
    """Whatever else is in it."""
    if "{" not in str(value):
        assert is_same(Resolver({}, 10**9).resolve(value), value)


NAMES = st.sampled_from(["a", "b", "c.d", "$.a", "$.c.d", "nope", "$.nope"])
TEMPLATES = st.lists(
    st.sampled_from(["x", " ", "}"]) | NAMES.map(lambda name: f"{{{name}}}")
).map("".join)
DOCUMENTS = st.fixed_dictionaries(
    {
        "a": st.text(st.characters(codec="ascii", exclude_characters="{}"), max_size=5),
        "b": st.integers(),
        "c": st.fixed_dictionaries({"d": st.none() | st.booleans()}),
    }
)


@given(TEMPLATES, DOCUMENTS)
def test_what_was_resolved_is_resolved(text: str, document: Any) -> None:
    """Where no value has braces a second time changes nothing, but for null."""
    once = Resolver(document, 10**9).resolve([text, {"k": text}])

    assert isinstance(once, list)
    if None not in once:
        twice = Resolver(document, 10**9).resolve(once)
        assert is_same(once, twice) or "{$.nope}" in text
    assert once[1] == {"k": once[0]}
