"""Which values of a message are secret, and where they turn up again."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.adapters.cumulus.secrets import SecretFinder, SecretNames
from protocol.call import seal
from protocol.jsontext import decode, encode

MESSAGE: Any = {
    "cumulus_meta": {"stack": "s"},
    "meta": {
        "cmr": {"username": "robert", "password": "hunter22"},
        "a/b~c": {"Token": ["t0ken-1", 1234567, "", None, True]},
        "receiptHandle": {"deep": {"x": "handle"}},
        "plain": "hunter22",
    },
}


def test_secrets_are_known_by_their_names() -> None:
    """All strings and numbers below one; who logs in is no secret."""
    names = SecretNames()

    assert names.values(MESSAGE) == ["hunter22", "t0ken-1", 1234567, "handle"]
    assert names.pointers(MESSAGE, "/message") == [
        "/message/meta/cmr/password",
        "/message/meta/a~1b~0c/Token/0",
        "/message/meta/a~1b~0c/Token/1",
        "/message/meta/receiptHandle/deep/x",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWD",
        "passphrase",
        "clientSecret",
        "accessToken",
        "Authorization",
        "private_key",
        "privateKey",
        "awsCredentials",
    ],
)
def test_a_name_that_looks_secret_is(name: str) -> None:
    """However it is spelled."""
    assert SecretNames().are_secret(name)
    assert not SecretNames().are_secret("keyword")


def test_a_data_centre_adds_names_of_its_own() -> None:
    """There are more words than we know."""
    names = SecretNames(["^pin$", "(?i)^ssn"])

    assert names.values({"pin": 5, "spin": 6, "Ssn": 7, "Pin": 8}) == [5, 7]


def finder(*secrets: Any) -> SecretFinder:
    """Return what finds secrets."""
    return SecretFinder(SecretNames(), secrets)


def test_what_was_made_of_a_secret_is_sealed() -> None:
    """A text that holds it, a value that equals it, and what stands below a name."""
    arguments: Any = {
        "url": "https://u:hunter22@h",
        "same": "abc",
        "part": "abcd",
        "number": 1234567,
        "text": "no 1234567",
        "flag": True,
        "nothing": None,
        "list": ["x", "abc"],
        "password": "other",
    }

    pointers = finder("hunter22", "abc", 1234567).pointers(arguments)

    assert pointers == [
        "/url",
        "/same",
        "/number",
        "/text",
        "/list/1",
        "/password",
    ]
    copy: Any = decode(encode(arguments))
    assert len(seal(copy, pointers)) == 6


def test_secrets_are_masked_where_they_may_not_be_shown() -> None:
    """All else stays."""
    masked = finder("hunter22").masked({"a": ["hunter22", 1], "token": ""})

    assert masked == {"a": ["***", 1], "token": ""}
    shown = finder("hunter22").masked([{"u:hunter22@h": 1, "b": 2}])
    assert shown == [{"***": 1, "b": 2}]


def test_many_secrets_are_found_as_few_are() -> None:
    """A message may hold thousands: each text is read once, not once for each."""
    secrets = [f"secret{number:04}" for number in range(300)]
    arguments: Any = {
        "a": "x secret0299",
        "b": "secret",
        "c": "x secret03",
        "d": "xsecret0000x",
    }

    assert finder(*secrets).pointers(arguments) == ["/a", "/d"]


def test_without_secrets_nothing_is_found() -> None:
    """Not every text."""
    assert finder().pointers({"a": "x", "b": ""}) == []
