"""Messages on their way into a task, beyond the public cases."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_messages import MIB, error_of, prepared, with_config

from harpcaller.adapters.cumulus import answer, task_input
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.message import odd_source
from harpcaller.adapters.cumulus.references import (
    Reference,
    payload_reference,
    read_document,
)
from harpcaller.adapters.cumulus.templates import depth_of
from harpcaller.adapters.cumulus.terms import CallForm, TaskTerms
from protocol.jsontext import decode

TARGET = Reference(bucket="b", key="k")


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


def test_a_message_may_not_nest_too_deeply() -> None:
    """E17: 100 levels are enough for anybody."""
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep}

    assert error_of({"cumulus_meta": {}, "x": deep}).type == "Cumulus.InvalidMessage"
    assert depth_of(deep) == 101


@pytest.mark.parametrize("levels", [101, 5000])
def test_a_document_may_not_nest_too_deeply(levels: int) -> None:
    """It becomes a part of the message; nothing is made of it to see that."""
    with pytest.raises(CumulusError, match=f"depth of the document: {levels},") as said:
        read_document(TARGET, b"[" * levels + b"]" * levels)

    assert said.value.type == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'\xef\xbb\xbf{"a": secret}', "the document is no JSON at byte 9"),
        (b"[" + b"1" * 5000 + b"]", "the document is no JSON"),
    ],
)
def test_the_place_of_a_mistake_in_a_document_is_told(body: bytes, said: str) -> None:
    """E10: as an offset where there is one, and nothing of what stands there."""
    with pytest.raises(CumulusError) as caught:
        read_document(TARGET, body)

    assert caught.value.code == "InvalidJSON"
    assert caught.value.message == said


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


def test_a_wrapper_has_no_wrapper_in_it() -> None:
    """The next task would take it for its own."""
    wrapped: Any = {"cma": {"event": {"cumulus_meta": {}, "cma": {"event": {}}}}}

    assert error_of(wrapped).path == "cma"


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


def test_the_metadata_of_a_task_needs_its_place() -> None:
    """What a message has there is not thrown away."""
    terms = TaskTerms(name="T", metadata={"name": "p"})

    error = error_of({"cumulus_meta": {}, "meta": {"workflow_tasks": 5}}, terms)

    assert error.path == "meta.workflow_tasks"


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
