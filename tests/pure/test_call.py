"""Calls: what makes two of them the same, and values that are kept apart."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES

from protocol.call import MASK, Call, QueueSpec, Sealed, content_digest, seal, unseal
from protocol.errors import ErrorType, WireError
from protocol.jsontext import JsonText, JsonValue, canonical, decode, encode

CALL = Call(
    host="web1",
    procedure="restart",
    arguments=JsonText(b'{"b":1,"a":[1,2]}'),
    timeout_s=5,
    queue=QueueSpec(name=JsonText(b'{"disk":"sda"}'), concurrency=2),
    sealed=(Sealed(pointer="/b", value=JsonText(b'"secret"')),),
)


def pointers_into(value: Any, way: str = "") -> list[str]:
    """Return a pointer to every value inside `value`."""
    if isinstance(value, dict):
        steps = [
            (name.replace("~", "~0").replace("/", "~1"), value[name]) for name in value
        ]
    elif isinstance(value, list):
        steps = [(str(index), inner) for index, inner in enumerate(value)]
    else:
        return []
    found = []
    for step, inner in steps:
        found += [f"{way}/{step}", *pointers_into(inner, f"{way}/{step}")]
    return found


@given(st.data())
def test_sealed_values_come_back_at_their_places(data: st.DataObject) -> None:
    """The worker must get exactly what the client sent, in whatever order it sealed."""
    arguments = data.draw(st.lists(VALUES, min_size=1, max_size=4))
    before = encode(arguments)
    pointers = data.draw(
        st.lists(st.sampled_from(pointers_into(arguments)), max_size=5, unique=True)
    )
    # A parent sealed first swallows its children: the longest way goes first.
    pointers.sort(key=lambda pointer: -pointer.count("/"))

    sealed = seal(arguments, pointers)

    masked = encode(arguments)
    assert unseal(masked, sealed) == before
    assert [secret.pointer for secret in sealed] == pointers


def test_a_sealed_value_is_shown_as_stars_and_printed_nowhere() -> None:
    """Promise P7: secrets stay secret, in a repr too."""
    arguments: JsonValue = {
        "user": "me",
        "password": "hunter2",
        "a/b": {"~": [0, "deep"]},
    }

    sealed = seal(arguments, ["/password", "/a~1b/~0/1"])

    assert arguments == {"user": "me", "password": MASK, "a/b": {"~": [0, MASK]}}
    assert "hunter2" not in repr(sealed)


@pytest.mark.parametrize(
    "pointer",
    [
        "",
        "password",
        "/nothing",
        "/list/2",
        "/list/-",
        "/list/-1",
        "/list/01",
        "/list/1.0",
        "/list/" + "9" * 5000,
        "/list/\u0661",
        "/text/0",
        "/list/0/deeper",
        "/list/",
    ],
)
def test_a_pointer_to_nothing_is_refused(pointer: str) -> None:
    """A misspelt pointer would leave the secret in the open."""
    with pytest.raises(WireError, match="points to nothing") as caught:
        seal({"list": [1, 2], "text": "abc"}, [pointer])

    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert len(caught.value.message) < 200


def test_a_value_is_sealed_once() -> None:
    """What lies in a sealed value is out of reach; sealing it again seals stars."""
    with pytest.raises(WireError, match='"/a/b" points to nothing'):
        seal({"a": {"b": 1}}, ["/a", "/a/b"])


def test_arguments_without_secrets_are_the_same_text() -> None:
    """Values that are only passed on are not parsed."""
    arguments = JsonText(b"[1e3]")

    assert unseal(arguments, ()) is arguments


def test_the_same_content_has_the_same_digest_however_it_is_written() -> None:
    """A client that repeats a call after a crash may write its JSON anew."""
    again = attrs.evolve(CALL, arguments=JsonText(b'{"a":[1,2],"b":1}'))

    assert content_digest(again) == content_digest(CALL)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "other"},
        {"sealed": (Sealed(pointer="/b", value=JsonText(b'"changed"')),)},
    ],
)
def test_the_key_and_sealed_values_are_no_content(change: dict[str, Any]) -> None:
    """A key names the content; a digest of a secret would be a way to guess it."""
    assert content_digest(attrs.evolve(CALL, **change)) == content_digest(CALL)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "web2"},
        {"procedure": "stop"},
        {"arguments": JsonText(b"[]")},
        {"timeout_s": 6},
        {"max_exec_s": 5},
        {"queue": None},
        {"queue": QueueSpec(name=JsonText(b'{"disk":"sda"}'))},
        {"queue": QueueSpec(name=JsonText(b"{}"), concurrency=2)},
        {"info": JsonText(b"1")},
        {"retries": 1},
        {"sealed": ()},
    ],
)
def test_everything_else_is_content(change: dict[str, Any]) -> None:
    """The same key for another call is a mistake that the client has to learn of."""
    assert content_digest(attrs.evolve(CALL, **change)) != content_digest(CALL)


@given(VALUES, VALUES)
def test_queues_of_equal_names_share_a_digest(one: Any, two: Any) -> None:
    """The digest is what the store finds a queue by."""
    names = [canonical({"name": value}) for value in (one, two)]
    digests = [QueueSpec(name=name).digest for name in names]

    assert (digests[0] == digests[1]) == (names[0] == names[1])
    assert decode(names[0]) is not None
