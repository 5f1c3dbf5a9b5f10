"""Calls to `@harmony`: how they are kept, what is sealed, why they are refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from harmony_corpus import operation, settings

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.harmony.admission import admit
from protocol.call import Call, QueueSpec, seal
from protocol.jsontext import JsonText, encode

GOOD = operation("async-2.json")


def call(arguments: Any, **changes: Any) -> Call:
    """Return a call to a service."""
    fields = {"host": "@harmony", "procedure": "test/copy", **changes}
    return Call(arguments=encode(arguments), **fields)


def test_tokens_and_callbacks_are_sealed() -> None:
    """Whoever knows the callback can post results; its digest finds the run.

    Harmony asks that logs have the user's name, too.
    """
    admitted = admit(settings(), call({"operation": GOOD}))

    digest = hashlib.sha256(GOOD["callback"].encode()).hexdigest()[:12]
    assert admitted == Admitted(
        max_exec_s=604800,
        sealed=("/operation/accessToken", "/operation/callback"),
        label=f"{GOOD['requestId']} {GOOD['user']} test-client {digest}",
    )


def test_an_override_may_have_the_secrets() -> None:
    """It replaces fields of the message."""
    base = {
        name: GOOD[name] for name in GOOD if name not in {"callback", "accessToken"}
    }

    admitted = admit(
        settings(),
        call({"operation": base, "sources": {"accessToken": "t:t"}}, max_exec_s=60),
    )

    assert admitted == Admitted(
        max_exec_s=60,
        sealed=("/sources/accessToken",),
        label=f"{GOOD['requestId']} {GOOD['user']} test-client",
    )


def test_a_client_may_seal_more() -> None:
    """Nothing is sealed twice, and nothing within what is sealed."""
    for pointer, expected in (
        ("/operation", ("/operation",)),
        (
            "/operation/user",
            ("/operation/user", "/operation/accessToken", "/operation/callback"),
        ),
        ("/operation/callback", ("/operation/callback", "/operation/accessToken")),
    ):
        arguments: dict[str, Any] = {"operation": dict(GOOD)}
        sealed = seal(arguments, [pointer])

        admitted = admit(settings(), call(arguments, sealed=sealed))

        assert isinstance(admitted, Admitted)
        assert admitted.sealed == expected


@pytest.mark.parametrize(
    ("pointer", "masked"),
    [
        ("/operation/user", {"user"}),
        ("/sources/client", {"client"}),
        ("/operation", {"user", "client"}),
        ("/operation/userName", set()),
    ],
)
def test_a_label_has_nothing_that_was_sealed(pointer: str, masked: set[str]) -> None:
    """It is shown in lists and in the log."""
    operation = GOOD | {"userName": "x"}
    sources = {"client": "test-client"}
    arguments: dict[str, Any] = {
        "operation": operation,
        "sources": sources,
        "options": {"validation": "compat"},
    }
    sealed = seal(arguments, [pointer])

    admitted = admit(settings(), call(arguments, sealed=sealed))

    assert isinstance(admitted, Admitted)
    assert admitted.label is not None
    words = admitted.label.split(" ")
    assert words[0] == GOOD["requestId"]
    assert words[1] == ("***" if "user" in masked else GOOD["user"])
    assert words[2] == ("***" if "client" in masked else "test-client")


def test_what_needs_reading_is_judged_in_the_job() -> None:
    """A pure function reads nothing."""
    admitted = admit(
        settings(), call({"operation": GOOD, "sources": "/d/catalog.json"})
    )

    assert isinstance(admitted, Admitted)


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (
            {"operation": GOOD | {"user": 7}},
            Refused(
                code="E4",
                message="Invalid message at /user: must be a string",
                data={
                    "status": 400,
                    "details": [{"pointer": "/user", "problem": "must be a string"}],
                },
            ),
        ),
        (
            [],
            Refused(
                code="arguments",
                message='field "arguments": expected named arguments: "operation",'
                ' "sources", "options"',
                data={
                    "field": "arguments",
                    "expected": 'named arguments: "operation", "sources", "options"',
                },
            ),
        ),
    ],
)
def test_a_refusal_has_its_code_and_places(arguments: Any, refused: Refused) -> None:
    """Never a value: the message has secrets."""
    assert admit(settings(), call(arguments)) == refused


def test_a_parent_does_not_wait_for_its_children() -> None:
    """In a queue of theirs it would, for ever."""
    own = QueueSpec(name=JsonText(b'{"harmony":"test/copy"}'))
    other = QueueSpec(name=JsonText(b'{"name":"harmony"}'))

    refused = admit(settings(), call({"operation": GOOD}, queue=own))

    assert isinstance(refused, Refused)
    assert refused.code == "queue"
    assert isinstance(
        admit(settings(), call({"operation": GOOD}, queue=other)), Admitted
    )
