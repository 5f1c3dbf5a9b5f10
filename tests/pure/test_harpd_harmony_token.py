"""Tokens of Harmony's users: opened by the key, or refused."""

from __future__ import annotations

from base64 import b64encode

import pytest
from harmony_corpus import corpus_json
from nacl.secret import SecretBox
from nacl.utils import random

from harpcaller.worker.harmony.token import can_open, known_spellings, open_token
from protocol.harp_worker import Refused

KEY = "_THIS_IS_MY_32_CHARS_SECRET_KEY_"
TOKEN = corpus_json("own/messages/async-2.json")["accessToken"]
OPEN = "fixture-user-token"


def closed(text: bytes) -> str:
    """Return what Harmony would make of a token."""
    nonce = random(SecretBox.NONCE_SIZE)
    box = SecretBox(KEY.encode()).encrypt(text, nonce)
    return f"{b64encode(nonce).decode()}:{b64encode(box.ciphertext).decode()}"


def test_a_token_is_opened() -> None:
    """The corpus has one that Harmony's own code closed."""
    assert can_open()
    assert open_token(TOKEN, KEY) == OPEN
    assert open_token(closed(b"abc"), KEY) == "abc"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("plain", "was not closed with our key"),
        ("a:b", "was not closed with our key"),
        (f"{TOKEN}x", "was not closed with our key"),
        (closed("é".encode()), "was not closed with our key"),
        (closed(b"a\r\nX-Header: b"), "is no text for a header"),
    ],
    ids=["no colon", "no token", "longer", "no ASCII", "two lines"],
)
def test_another_text_is_none(token: str, said: str) -> None:
    """What would be sent in a header must be what Harmony put in."""
    with pytest.raises(Refused, match=said) as caught:
        open_token(token, KEY)

    assert token not in caught.value.message


def test_a_token_has_two_spellings() -> None:
    """A service opens it; neither of them must be told."""
    assert known_spellings(TOKEN, KEY) == [TOKEN, OPEN]
    assert known_spellings(TOKEN, "") == [TOKEN]
    assert known_spellings("", KEY) == [""]
    assert known_spellings("plain", KEY) == ["plain"]
