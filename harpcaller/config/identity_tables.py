"""The [identities.NAME] tables of the configuration file."""

from __future__ import annotations

import grp
import pwd
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from harpcaller.config.host_tables import read_secret_file
from harpcaller.config.keys import Read, integer
from harpcaller.config.problems import Problem, unknown_key
from harpcaller.identities.identity import Identity, Proofs
from harpcaller.identities.tokens import MIN_CHARACTERS, digest_of
from harpcaller.roles import Role

MAX_NAME_CHARACTERS = 200
_MAX_ID = 2**32 - 2  # -1 is nobody's: setuid(2)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_RESERVED = "anonymous"


def _texts(value: Any, expected: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise ValueError(f"expected {expected}")
    if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
        raise ValueError(f"expected {expected}")
    return texts


def _read_digests(value: Any, _folder: Path) -> Sequence[bytes]:
    expected = "64 hexadecimal digits, as harpcallerd new-token prints, or a list"
    texts = _texts(value, expected)
    if not all(_DIGEST.fullmatch(text) for text in texts):
        raise ValueError(f"expected {expected}")
    return [bytes.fromhex(text) for text in texts]


def _read_token_file(value: Any, folder: Path) -> Sequence[bytes]:
    token = read_secret_file(value, folder)
    if len(token) < MIN_CHARACTERS or not token.isascii() or not token.isprintable():
        raise ValueError(
            f"expected a file with a token of at least {MIN_CHARACTERS} ASCII"
            " characters, as harpcallerd new-token makes"
        )
    return [digest_of(token)]


def _read_certificates(value: Any, _folder: Path) -> Sequence[str]:
    return _texts(value, "a name in a certificate, or a list of such strings")


def _read_patterns(value: Any, _folder: Path) -> Sequence[str]:
    if value == []:
        return []
    return _texts(value, "a list of names, * and ? as in a shell")


def _read_roles(value: Any, _folder: Path) -> frozenset[Role]:
    expected = "a list of " + ", ".join(f'"{role}"' for role in Role)
    try:
        return frozenset(Role(text) for text in _texts(value, expected))
    except ValueError:
        raise ValueError(f"expected {expected}") from None


def _read_user(value: Any, folder: Path) -> Sequence[int]:
    return [_look_up("user", value, lambda name: pwd.getpwnam(name).pw_uid)]


def _read_group(value: Any, folder: Path) -> Sequence[int]:
    return [_look_up("group", value, lambda name: grp.getgrnam(name).gr_gid)]


def _look_up(kind: str, value: Any, find: Callable[[str], int]) -> int:
    if not isinstance(value, str):
        raise ValueError(f"expected the name of a {kind}")  # noqa: TRY004 (one complaint)
    try:
        return find(value)
    except KeyError:
        raise ValueError(f"there is no {kind} of this name") from None


def _read_id(value: Any, folder: Path) -> Sequence[int]:
    return [integer(0, _MAX_ID)(value, folder)]


IDENTITY_KEYS: dict[str, Read] = {
    "token_sha256": _read_digests,
    "token_file": _read_token_file,
    "certificate": _read_certificates,
    "user": _read_user,
    "uid": _read_id,
    "group": _read_group,
    "gid": _read_id,
    "roles": _read_roles,
    "hosts": _read_patterns,
    "procedures": _read_patterns,
}
_PROOFS = {
    "token_digests": ("token_sha256", "token_file"),
    "certificates": ("certificate",),
    "uids": ("user", "uid"),
    "gids": ("group", "gid"),
}


def read_identity_tables(
    value: Any, folder: Path
) -> tuple[tuple[Identity, ...], tuple[Problem, ...]]:
    """Return the identities of the tables, and what is wrong with the others."""
    if not isinstance(value, dict):
        message = "expected tables [identities.NAME]"
        return (), (Problem(key="identities", message=message),)
    identities: list[Identity] = []
    problems: list[Problem] = []
    for name, table in value.items():
        found = _read_identity(name, table, folder)
        if isinstance(found, Identity):
            identities.append(found)
        else:
            problems += found
    return tuple(identities), (*problems, *_find_shared(identities))


def _read_identity(name: str, table: Any, folder: Path) -> Identity | list[Problem]:
    key = f"identities.{name}"
    complaint = _complain_of_name(name)
    if complaint is not None:
        return [Problem(key=key, message=complaint)]
    if not isinstance(table, dict):
        return [Problem(key=key, message=f"expected a table [{key}]")]
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for field, value in table.items():
        read = IDENTITY_KEYS.get(field)
        if read is None:
            problems.append(unknown_key(f"{key}.{field}", field, IDENTITY_KEYS))
            continue
        try:
            values[field] = read(value, folder)
        except ValueError as error:
            problems.append(Problem(key=f"{key}.{field}", message=str(error)))
    problems += _find_missing(key, table)
    return problems or _identity(name, values)


def _complain_of_name(name: str) -> str | None:
    if name == _RESERVED:
        return "nobody proves to be that; see require_identity"
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        return f"expected a name of 1 to {MAX_NAME_CHARACTERS} printable characters"
    return None


def _find_missing(key: str, table: dict[str, Any]) -> Iterable[Problem]:
    if "roles" not in table:
        yield Problem(key=key, message='expected "roles"')
    proofs = list(chain(*_PROOFS.values()))
    if not any(proof in table for proof in proofs):
        expected = ", ".join(f'"{proof}"' for proof in proofs)
        yield Problem(key=key, message=f"expected one of {expected}")


def _identity(name: str, values: dict[str, Any]) -> Identity:
    proofs = {
        kind: tuple(chain(*(values.get(field, ()) for field in fields)))
        for kind, fields in _PROOFS.items()
    }
    proofs["certificates"] = tuple(map(_host_name, proofs["certificates"]))
    return Identity(
        name=name,
        roles=values["roles"],
        hosts=values.get("hosts"),
        procedures=values.get("procedures"),
        proofs=Proofs(**proofs),
    )


def _host_name(name: str) -> str:
    """Return a host name in lower case, other names as they are."""
    return name if "@" in name or ":" in name else name.lower()


def _find_shared(identities: Sequence[Identity]) -> Iterable[Problem]:
    """Complain where one proof stands for two: nobody could say who that is."""
    owners: dict[object, str] = {}
    for identity in identities:
        proofs = identity.proofs
        shown: list[tuple[str, object]] = []
        shown += [("token", digest) for digest in proofs.token_digests]
        shown += [("certificate", name) for name in proofs.certificates]
        shown += [("user", uid) for uid in proofs.uids]
        for kind, proof in shown:
            owner = owners.setdefault((kind, proof), identity.name)
            if owner != identity.name:
                message = f'the same {kind} as "{owner}" has'
                yield Problem(key=f"identities.{identity.name}", message=message)
