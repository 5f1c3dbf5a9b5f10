"""Tokens: random words that show who a client is, kept as digests."""

from __future__ import annotations

import hashlib
import secrets

MIN_CHARACTERS = 32
_PREFIX = "hct_"  # whoever finds one in a file can see what it is
_RANDOM_BYTES = 32


def new_token() -> str:
    """Return a token that nobody can guess."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(token: str) -> bytes:
    """Return what is kept of `token`.

    A plain digest is enough: there is nothing to guess in 256 random bits, and a
    slow one would be paid for by the loop at every hello.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
