"""Who may call: users and their passwords."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

_NOBODYS = b"\0" * 32  # compared with what an unknown user gives; never right


class Users:
    """Knows passwords; without any user, everybody who can connect may call."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {
            user: _digest(password.encode(errors="surrogatepass"))
            for user, password in passwords.items()
        }

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody is known."""
        return not self._passwords

    def may_call(self, user: str, password: str) -> bool:
        """Tell whether the password is right; the time says nothing about either."""
        if self.is_empty:
            return True
        expected = self._passwords.get(user, _NOBODYS)
        given = _digest(password.encode(errors="surrogatepass"))
        return hmac.compare_digest(expected, given) and user in self._passwords


def read_users(path: Path) -> dict[str, str]:
    """Return the passwords in the file at `path`: `user:password`, one a line.

    Blank lines and lines that begin with `#` are skipped. A password that begins
    with `$` is refused: that is how hashed ones begin, of a scheme we do not know.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is wrong; the message has its number, not its text.
    """
    passwords: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, password = line.partition(":")
        if not colon or not user or not password or password.startswith("$"):
            raise ValueError(f'{path}, line {number}: expected "user:password"')
        passwords[user] = password
    return passwords


def _digest(password: bytes) -> bytes:
    """Return 32 bytes: passwords of any length compare in the same time."""
    return hashlib.sha256(password).digest()
