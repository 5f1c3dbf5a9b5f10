"""The token that a request bears, in each of the ways that HTTP clients know; no IO."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container
from typing import NoReturn

from protocol.errors import ErrorType, WireError

CHALLENGE = 'Bearer realm="harpcaller", Basic realm="harpcaller"'
_IN_QUERY = ("access_token", "token")


def token_in(authorization: str | None) -> str | None:
    """Return the token of an `Authorization`, None without one.

    It is `Bearer T`, `token T`, or `Basic`, where T is the password of any user.

    Raises:
        WireError: `unauthorized`, it is something else.
    """
    if authorization is None:
        return None
    scheme, _, rest = authorization.strip().partition(" ")
    token = rest.strip()
    if not token:
        _refuse()
    if scheme.lower() in {"bearer", "token"}:
        return token
    if scheme.lower() == "basic":
        return _password_in(token)
    return _refuse()


def refuse_in_query(names: Container[str]) -> None:
    """Complain of a token in the query: logs of others, and histories, keep those.

    Raises:
        WireError: `invalid_request`.
    """
    for name in _IN_QUERY:
        if name in names:
            raise WireError(
                ErrorType.INVALID_REQUEST,
                f'parameter "{name}": a token belongs in Authorization',
                {"field": name, "expected": "nothing"},
            )


def _password_in(text: str) -> str:
    try:
        pair = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        _refuse()
    _, colon, password = pair.partition(":")
    if not colon or not password:
        _refuse()
    return password


def _refuse() -> NoReturn:
    raise WireError(
        ErrorType.UNAUTHORIZED, "Authorization: expected Bearer, token or Basic"
    )
