"""The [[procedure]] tables of Harmony services: what they say, and its mistakes."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from harpcaller.adapters.places import read_place
from harpcaller.rights import complain_if_not_ours
from harpcaller.worker.harmony.buckets import can_read
from harpcaller.worker.harmony.command import (
    ALWAYS_ALLOWED,
    SECRET_KEY,
    check_argv,
    check_environment,
)
from harpcaller.worker.harmony.settings import HarmonyCli, HarmonyHttp, InputMode
from harpcaller.worker.harmony.token import KEY_BYTES, can_open
from harpcaller.worker.keys import Types

Table: TypeAlias = Mapping[str, Any]

_BOTH_KEYS: dict[str, Types] = {
    "name": str,
    "kind": str,
    "description": str,
    "secret_key_file": str,
    "roots": list,
}
CLI_KEYS: dict[str, Types] = _BOTH_KEYS | {
    "argv": list,
    "env_allow": list,
    "input_mode": str,
    "s3_allow": list,
    "private_dir": str,
}
HTTP_KEYS: dict[str, Types] = _BOTH_KEYS | {"url_allow": list, "data_dir": str}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./-]*")


def read_cli(table: Table, environment: Mapping[str, str]) -> HarmonyCli:
    """Return the service that a table spells; its calls have `environment`.

    Raises:
        ValueError: naming the key.
    """
    argv = _strings(table, "argv")
    check_argv(argv)
    check_environment(environment)
    allowed = _strings(table, "env_allow", ALWAYS_ALLOWED)
    if SECRET_KEY in allowed:
        raise ValueError(f'"env_allow": {SECRET_KEY} is not for calls to set')
    mode = table.get("input_mode", InputMode.AUTO.value)
    if mode not in set(InputMode):
        raise ValueError(f'"input_mode": expected one of {", ".join(InputMode)}')
    private_dir = table.get("private_dir", HarmonyCli(name="", argv=()).private_dir)
    if not _PLAIN_PATH.fullmatch(private_dir):
        # harmony-service-lib reads file:// without undoing what is escaped in it.
        raise ValueError('"private_dir": expected a path of plain letters from "/" on')
    return HarmonyCli(
        name=table["name"],
        argv=argv,
        description=table.get("description", ""),
        environment=tuple(environment.items()),
        env_allow=allowed,
        secret_key=_secret_key(table),
        input_mode=InputMode(mode),
        roots=_roots(table),
        s3_allow=_s3_places(table),
        private_dir=private_dir,
    )


def read_http(table: Table) -> HarmonyHttp:
    """Return the service that a table spells.

    Raises:
        ValueError: naming the key.
    """
    places = _strings(table, "url_allow", ())
    if not places:
        raise ValueError('"url_allow": name where the service may be')
    for place in places:
        if read_place(place).scheme not in {"http", "https"}:
            raise ValueError(f'"url_allow": "{place}" is not for HTTP')
    data_dir = table.get("data_dir", "")
    if not data_dir.startswith("/"):
        raise ValueError('"data_dir": expected a path from "/" on')
    key = _secret_key(table)
    if key and not can_open():
        raise ValueError(
            '"secret_key_file": tokens cannot be opened without PyNaCl, '
            "which comes with harpcaller[harmony-http]"
        )
    return HarmonyHttp(
        name=table["name"],
        description=table.get("description", ""),
        data_dir=data_dir.rstrip("/"),
        url_allow=places,
        secret_key=key,
        roots=_roots(table),
    )


def _secret_key(table: Table) -> str:
    """Return the key that Harmony and its services share, "" without one."""
    if "secret_key_file" not in table:
        return ""
    path = Path(table["secret_key_file"])
    if not path.is_absolute():
        raise ValueError('"secret_key_file": expected a path from "/" on')
    try:
        complaint = _complain_of_rights(path)
        key = path.read_bytes().removesuffix(b"\n")
    except OSError as error:
        raise ValueError(f'"secret_key_file": {path}: {error.strerror}') from None
    if complaint is not None:
        raise ValueError(f'"secret_key_file": {path}: {complaint}')
    if len(key) not in {0, KEY_BYTES}:
        raise ValueError(
            f'"secret_key_file": shared secret key must be {KEY_BYTES} bytes'
        )
    text = key.decode(errors="replace")
    # harmony-service-lib takes quotes off its variables.
    if not text.isprintable() or "\ufffd" in text or text != text.strip('"'):
        raise ValueError('"secret_key_file": shared secret key must be plain text')
    return text


def _complain_of_rights(path: Path) -> str | None:
    if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return "everybody may read it: chmod o="
    return complain_if_not_ours(path)


def _roots(table: Table) -> tuple[str, ...]:
    roots = _strings(table, "roots", ())
    if not all(root.startswith("/") for root in roots):
        raise ValueError('"roots": expected paths from "/" on')
    return roots


def _s3_places(table: Table) -> tuple[str, ...]:
    places = _strings(table, "s3_allow", ())
    for place in places:
        if read_place(place).scheme != "s3":
            raise ValueError(f'"s3_allow": "{place}" is not in S3')
    if places and not can_read():
        raise ValueError(
            '"s3_allow": S3 cannot be read without boto3, '
            "which comes with harpcaller[harmony-s3]"
        )
    return places


def _strings(
    table: Table, key: str, default: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    values = table.get(key, default)
    if values is None or not all(isinstance(value, str) for value in values):
        raise ValueError(f'"{key}": expected a list of strings')
    return tuple(values)
