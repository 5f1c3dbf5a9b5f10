"""How passwords are kept: hashed with scrypt, in one line of text each.

The spelling is that of the PHC string format: `$scrypt$ln=14,r=8,p=1$SALT$HASH`,
salt and hash in base64 without padding. `$5$` and `$6$` are read too: crypt(5), as in
the original's passfile. What does not begin with `$` is the password itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Any, TypeAlias

import attrs

_SPELLING = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)",
    re.ASCII,
)
_SALT_BYTES = 16
_HASH_BYTES = 32
_MAX_MEMORY_BYTES = 256 * 1024 * 1024  # of one check
_MAX_ROUNDS = 1_000_000  # of crypt; a second


@attrs.frozen(kw_only=True)
class Hashed:
    """A password of which only a hash is known; 2**`log_n` is what a guess costs."""

    log_n: int = 14  # 16 MiB, 50 ms
    r: int = 8
    p: int = 1
    salt: bytes = attrs.field(repr=False)
    hash: bytes = attrs.field(repr=False)

    def __str__(self) -> str:
        """Return the spelling that `read_entry` reads."""
        parameters = f"ln={self.log_n},r={self.r},p={self.p}"
        return f"$scrypt${parameters}${_spell(self.salt)}${_spell(self.hash)}"

    def fits(self, password: str) -> bool:
        """Tell whether `password` is the one; this takes its time."""
        return hmac.compare_digest(self.hash, self._hash_of(password))

    def _hash_of(self, password: str) -> bytes:
        return hashlib.scrypt(
            _bytes_of(password),
            salt=self.salt,
            n=1 << self.log_n,
            r=self.r,
            p=self.p,
            maxmem=_MAX_MEMORY_BYTES + (1 << 20),
            dklen=len(self.hash),
        )


@attrs.frozen
class Crypted:
    """A password of which only a hash in the manner of crypt(5) is known."""

    text: str = attrs.field(repr=False)

    def fits(self, password: str) -> bool:
        """Tell whether `password` is the one, in the time that our own hash takes."""
        NOBODYS.fits(password)
        try:
            return bool(_crypt_of(self.text).verify(_bytes_of(password), self.text))
        except ValueError:  # it has a NUL, or is far too long: nobody's
            return False


@attrs.frozen
class Plain:
    """A password that is written down as it is."""

    password: str = attrs.field(repr=False)

    def fits(self, password: str) -> bool:
        """Tell whether `password` is the one, in the time that a hash would take."""
        NOBODYS.fits(password)
        return hmac.compare_digest(_digest(self.password), _digest(password))


Entry: TypeAlias = Hashed | Crypted | Plain


def hashed(password: str) -> Hashed:
    """Return what to keep of `password`."""
    fresh = Hashed(salt=secrets.token_bytes(_SALT_BYTES), hash=bytes(_HASH_BYTES))
    return attrs.evolve(fresh, hash=fresh._hash_of(password))


def read_entry(text: str) -> Entry:
    """Return what `text` says of a password.

    Raises:
        ValueError: it is empty, or a hash that we cannot verify.
    """
    if not text:
        raise ValueError("the password is empty")
    if not text.startswith("$"):
        return Plain(text)
    if text.startswith(("$5$", "$6$")):
        return _read_crypted(text)
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise ValueError("a hash of an unknown scheme; harpd passwd writes known ones")
    log_n, r, p = (int(number) for number in match.groups()[:3])
    entry = Hashed(log_n=log_n, r=r, p=p, salt=_bytes(match[4]), hash=_bytes(match[5]))
    _check_cost(entry)
    return entry


NOBODYS = Hashed(salt=bytes(_SALT_BYTES), hash=bytes(_HASH_BYTES))
"""What the password of an unknown user is compared with."""


def _read_crypted(text: str) -> Crypted:
    try:
        found = _crypt_of(text).from_string(text)
    except ValueError:
        raise ValueError("a hash that is cut off, or out of bounds") from None
    if found.checksum is None:
        raise ValueError("a hash that is cut off: it ends with its salt")
    if found.rounds > _MAX_ROUNDS:
        raise ValueError(f"a hash of more than {_MAX_ROUNDS} rounds")
    return Crypted(text)


def _crypt_of(text: str) -> Any:
    """Return the scheme of a hash in the manner of crypt(5)."""
    # Here: few workers have such entries, and all would wait for it to load.
    from passlib.hash import sha256_crypt, sha512_crypt  # noqa: PLC0415 (see above)

    return sha256_crypt if text.startswith("$5$") else sha512_crypt


def _check_cost(entry: Hashed) -> None:
    memory = 128 * (entry.r << entry.log_n)
    is_bounded = memory <= _MAX_MEMORY_BYTES and entry.r * entry.p <= 64
    if min(entry.log_n, entry.r, entry.p) < 1 or not is_bounded:
        raise ValueError("a hash whose parameters are out of bounds")
    if len(entry.hash) < 16:
        raise ValueError("a hash that is too short")


def _digest(password: str) -> bytes:
    """Return 32 bytes: passwords of any length compare in the same time."""
    return hashlib.sha256(_bytes_of(password)).digest()


def _bytes_of(password: str) -> bytes:
    return password.encode(errors="surrogatepass")


def _spell(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("a hash that is cut off") from None
