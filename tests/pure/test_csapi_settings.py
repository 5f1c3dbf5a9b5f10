"""The table `[adapters.csapi]`: what it may say, and what is told of the rest."""

from __future__ import annotations

import re
from typing import Any

import pytest
from csapi_cases import DEFINITION, TABLE, complaints, loaded, settings

from harpcaller.adapters.csapi import ADAPTER, schemas
from harpcaller.adapters.csapi.service import KEYS as SERVICE_KEYS
from harpcaller.adapters.csapi.settings import ERRORCODES, KEYS, SCHEMES, Settings
from protocol.call import Call
from protocol.jsontext import JsonText, decode, encode

ALL_KEYS: dict[str, Any] = {
    "errorcodes": {"Poor": 8003},
    "sync_wait_s": 5,
    "allow_schemes": ["s3", "https"],
    "consumers": {"alice": "0xa"},
    "services": {"train": TABLE},
}
ALL_OF_A_SERVICE: dict[str, Any] = {
    **TABLE,
    "queue": {"name": {"q": 1}, "concurrency": 2},
    "timeout": 10,
    "max_exec_time": 20.5,
    "requires_agreement": True,
    "agreements": ["agreed"],
    "exec_allow": ["render .*"],
    "configuration_schema": {"type": "object"},
    "sealed": ["/inputs/n/payload"],
    "default": True,
}


def test_a_table_of_all_keys_is_good() -> None:
    """Each is there for something."""
    found = loaded(ALL_KEYS)

    assert {*ALL_KEYS} == {*KEYS}
    assert isinstance(found, Settings)
    assert found.errorcodes == {"Poor": 8003}
    assert found.sync_wait_s == 5
    assert found.schemes == ("s3", "https")
    assert found.consumers == {"alice": "0xa"}
    assert [*found.services] == ["train"]


def test_an_empty_table_is_good() -> None:
    """Services may all come over HTTP."""
    assert loaded({}) == Settings()
    assert Settings().errorcodes == ERRORCODES
    assert Settings().schemes == SCHEMES
    assert not ADAPTER.files({})
    assert not ADAPTER.files({"services": 1})


def test_a_service_of_all_keys_is_good() -> None:
    """What it says is what its calls are made of."""
    service = settings(train=ALL_OF_A_SERVICE).services["train"]

    assert {*ALL_OF_A_SERVICE} == {*SERVICE_KEYS}
    assert (service.host, service.procedure) == ("h", "train")
    assert service.queue is not None
    assert decode(service.queue.name) == {"q": 1}
    assert service.queue.concurrency == 2
    assert (service.timeout_s, service.max_exec_s) == (10, 20.5)
    assert service.requires_agreement
    assert service.agreements == frozenset({"agreed"})
    assert service.exec_allow == (re.compile("render .*"),)
    assert service.configuration_schema == b'{"type":"object"}'
    assert service.sealed == ("/inputs/n/payload",)
    assert service.is_default


def test_a_definition_may_be_in_a_file() -> None:
    """It is JSON, wherever it comes from; special characters are no globs."""
    table = {
        "services": {
            "a": {**TABLE, "definition": "x[1].json", "configuration_schema": "s.json"}
        }
    }
    files = {"x[1].json": encode(DEFINITION), "s.json": b"{}"}

    found = loaded(table, files)

    assert ADAPTER.files(table) == ["x[[]1].json", "s.json"]
    assert isinstance(found, Settings)
    assert found.services["a"].definition.title == "Training"


@pytest.mark.parametrize(
    ("content", "mention"), [(None, "file that is there"), (b"{", "byte")]
)
def test_a_file_that_cannot_be_read_is_told_of(
    content: bytes | None, mention: str
) -> None:
    """By the key that names it."""
    files = {} if content is None else {"x.json": content}

    found = loaded({"services": {"a": {**TABLE, "definition": "x.json"}}}, files)

    assert isinstance(found, list)
    assert found[0].place == "services.a.definition"
    assert mention in found[0].message


@pytest.mark.parametrize(
    ("table", "place", "mention"),
    [
        ({"service": {}}, "service", 'did you mean "services"?'),
        ({"errorcodes": {"A": 0}}, "errorcodes.A", "a number from 1"),
        ({"errorcodes": {"A": True}}, "errorcodes.A", "a number from 1"),
        ({"sync_wait_s": 0}, "sync_wait_s", "seconds above 0"),
        ({"allow_schemes": ["HTTP"]}, "allow_schemes", "lower case"),
        ({"consumers": {"a": ""}}, "consumers.a", "a string"),
        ({"services": []}, "services", "an object"),
        ({"services": {"A": TABLE}}, "services.A", "the first a letter"),
        ({"services": {"a": 1}}, "services.a", "an object"),
        (
            {
                "services": {
                    "a": {**TABLE, "default": True},
                    "b": {**TABLE, "default": True},
                }
            },
            "services",
            "one service may be the default",
        ),
    ],
)
def test_a_mistake_in_the_table_is_told_of(
    table: dict[str, Any], place: str, mention: str
) -> None:
    """Where it is, and what was expected."""
    found = loaded(table)

    assert isinstance(found, list)
    assert [(one.place, mention in one.message) for one in found] == [(place, True)]


@pytest.mark.parametrize(
    ("key", "value", "mention"),
    [
        ("hosts", "h", 'unknown key "hosts"'),
        ("host", "", "a string"),
        ("procedure", None, "a string"),
        ("definition", None, "an object"),
        ("queue", {"name": 1}, "the name of the queue"),
        ("timeout", 0, "seconds above 0"),
        ("timeout", 10**10, "at most 1000000000 seconds"),
        ("max_exec_time", "x", "seconds above 0"),
        ("requires_agreement", 1, "true or false"),
        ("agreements", "a", "a list of strings"),
        ("exec_allow", ["("], "regular expressions"),
        ("configuration_schema", {"type": 1}, "no JSON Schema: $.type violates anyOf"),
        ("configuration_schema", [], "an object"),
        ("sealed", ["inputs"], "JSON pointers"),
        ("default", "yes", "true or false"),
    ],
)
def test_a_mistake_in_a_service_is_told_of(key: str, value: Any, mention: str) -> None:
    """By its name and key."""
    [(place, message)] = complaints(**{key: value})

    assert place == f"services.train.{key}"
    assert mention in message


@pytest.mark.parametrize(
    ("change", "place", "mention"),
    [
        ({"servicedescription": None}, "servicedescription", "an object"),
        (
            {"servicedescription": {"name": "x"}},
            "servicedescription.endpoint",
            "string",
        ),
        (
            {"servicedescription": {"endpoint": "x"}},
            "servicedescription.name",
            "string",
        ),
        ({"inputs": []}, "inputs", "at least one"),
        ({"inputs": None}, "inputs", "at least one"),
        ({"outputs": []}, "outputs", "at least one"),
        ({"inputs": [{"type": "payload"}]}, "inputs[0].argname", "a string"),
        (
            {"inputs": [{"argname": "a"}, {"argname": "a"}]},
            "inputs",
            "each argname once",
        ),
        (
            {"inputs": [{"argname": "a", "type": "file"}]},
            "inputs[0].type",
            '"oceanasset", "runcommand", "payload"',
        ),
        (
            {"inputs": [{"argname": "a", "mandatory": "yes"}]},
            "inputs[0].mandatory",
            "true or false",
        ),
        ({"outputs": [{"argname": "a", "type": 1}]}, "outputs[0].type", "a string"),
    ],
)
def test_a_mistake_in_a_definition_is_told_of(
    change: dict[str, Any], place: str, mention: str
) -> None:
    """CS-1, CS-6, CS-7: what it has to have, and of which types."""
    found = complaints(definition={**DEFINITION, **change})

    assert (f"services.train.definition.{place}", True) in [
        (at, mention in message) for at, message in found
    ]


def test_mandatory_is_a_word_or_a_boolean() -> None:
    """CS-6: DEP 6 writes it in quotes, people do not."""
    given = {"a": "TRUE", "b": True, "c": "False", "d": False, "e": None}
    inputs = [{"argname": name, "mandatory": flag} for name, flag in given.items()]
    table = {**TABLE, "definition": {**DEFINITION, "inputs": inputs}}

    found = settings(train=table).services["train"].definition.inputs

    assert [found[name].is_mandatory for name in given] == [1, 1, 0, 0, 0]


def test_what_a_definition_says_beside_is_kept() -> None:
    """CS-2: a deployment is for those who read it."""
    more = {**DEFINITION, "service_installation": {"container_supported": ["docker"]}}

    service = settings(train={**TABLE, "definition": more}).services["train"]

    assert decode(service.definition.text) == more


def test_a_schema_needs_its_judge() -> None:
    """It is an extra, and told of before the first invocation."""
    assert schemas.complain_of({}) is None
    told = schemas.complain_of({}, package="no_such_package")

    assert told == "needs no_such_package: pip install 'harpcaller[csapi]'"


def test_nobody_calls_the_adapter_itself() -> None:
    """Its jobs are calls to others."""
    call = Call(host="@csapi", procedure="x", arguments=JsonText(b"{}"))

    refused = ADAPTER.admit(Settings(), call)

    assert getattr(refused, "code", None) == "no_calls"
