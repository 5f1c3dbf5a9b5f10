"""Tokens of Harmony's users opened: NaCl's secretbox, by an optional package."""

from __future__ import annotations

import binascii
from base64 import b64decode
from importlib.util import find_spec

from harpcaller.worker.harmony.request import refuse
from protocol.harp_worker import Refused

KEY_BYTES = 32


def can_open() -> bool:
    """Tell whether the package that opens tokens is installed."""
    return find_spec("nacl") is not None


def known_spellings(token: str, key: str) -> list[str]:
    """Return what must not be told: the token, and the user's own where we can tell."""
    if not token or not key or not can_open():
        return [token]
    try:
        return [token, open_token(token, key)]
    except Refused:
        return [token]  # the service cannot open it, either


def open_token(token: str, key: str) -> str:
    """Return the user's own token; `token` is `base64(nonce):base64(ciphertext)`.

    Raises:
        Refused: `invalid_argument_list`, it was not closed with this key.
    """
    # Here, for who has no such procedure needs no such package.
    from nacl.exceptions import CryptoError  # noqa: PLC0415 (as above)
    from nacl.secret import SecretBox  # noqa: PLC0415 (as above)

    nonce, _, ciphertext = token.partition(":")
    try:
        opened = SecretBox(key.encode()).decrypt(
            b64decode(ciphertext, validate=True), b64decode(nonce, validate=True)
        )
        text = opened.decode("ascii")
    except (CryptoError, binascii.Error, ValueError):
        refuse('argument "message": "accessToken" was not closed with our key')
    if not text.isprintable():
        refuse('argument "message": "accessToken" is no text for a header')
    return text
