"""What `harpd` is told to do: the values of its command line and its file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from harpcaller.addresses import Address, TcpAddress, read_address
from harpcaller.worker.catalogue import Defaults, Offered
from harpcaller.worker.folder import read_folder
from harpcaller.worker.passwords import Entry, read_entry
from harpcaller.worker.tables import read_defaults, read_procedures
from harpcaller.worker.users import Users, read_users
from indira.cli import default_socket
from protocol.harp import MAX_LINE_BYTES


class SettingsError(Exception):
    """What is wrong with the settings, as a sentence for the one who wrote them."""


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that a worker needs to know; paths, seconds, bytes."""

    listen: tuple[Address, ...]
    procedures: Path | None = None
    executables: tuple[Offered, ...] = ()
    defaults: Defaults = attrs.field(factory=Defaults)
    admin_socket: Path = attrs.field(factory=lambda: default_socket("harpd"))
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    users: Users = attrs.field(factory=Users)
    harp2: bool = False  # on Unix sockets; TLS negotiates it
    max_calls: int = 256
    max_line_bytes: int = MAX_LINE_BYTES
    term_grace_s: float = 1.0
    stop_grace_s: float = 10.0


_TYPES: dict[str, type | tuple[type, ...]] = {
    "listen": (str, list),
    "procedures": str,
    "procedures_dir": str,
    "procedure": list,
    "defaults": dict,
    "admin_socket": str,
    "cert_file": str,
    "key_file": str,
    "users_file": str,
    "client_ca_file": str,
    "users": dict,
    "allow": dict,
    "harp2": bool,
    "max_calls": int,
    "max_worker_line_bytes": int,
    "term_grace_s": (int, float),
    "stop_grace_s": (int, float),
}
_PATHS = ("procedures", "admin_socket", "cert_file", "key_file", "client_ca_file")
_ELSEWHERE = {
    *("listen", "users", "users_file", "allow", "max_worker_line_bytes"),
    *("procedures_dir", "procedure", "defaults"),
}


def read_file(path: Path) -> dict[str, Any]:
    """Return the table in the TOML file at `path`.

    Raises:
        SettingsError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def settings_of(table: Mapping[str, Any]) -> Settings:
    """Return the settings that `table` spells.

    Raises:
        SettingsError: naming the field.
    """
    for field, value in table.items():
        _check_type(field, value)
    listen = table.get("listen", [])
    values: dict[str, Any] = {
        field: Path(value) if field in _PATHS else value
        for field, value in table.items()
        if field not in _ELSEWHERE
    }
    if not table.keys() & {"procedures", "procedures_dir", "procedure"}:
        raise SettingsError('"procedures": name the file that has them')
    if "max_worker_line_bytes" in table:
        values["max_line_bytes"] = table["max_worker_line_bytes"]
    words = [listen] if isinstance(listen, str) else listen
    defaults, executables = _executables(table)
    settings = Settings(
        listen=tuple(map(_read_address, words)),
        users=_users(table),
        defaults=defaults,
        executables=executables,
        **values,
    )
    _check_whole(settings)
    return settings


def _executables(table: Mapping[str, Any]) -> tuple[Defaults, tuple[Offered, ...]]:
    try:
        defaults = read_defaults(table.get("defaults", {}))
        executables = read_procedures(table.get("procedure", []), defaults)
        if "procedures_dir" in table:
            executables += read_folder(Path(table["procedures_dir"]), defaults)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return defaults, executables


def _read_address(text: Any) -> Address:
    try:
        return read_address(str(text))
    except ValueError as error:
        raise SettingsError(f'"listen": {text!r}: {error}') from None


def _check_type(field: str, value: Any) -> None:
    if field not in _TYPES:
        near = difflib.get_close_matches(field, _TYPES, n=1)
        hint = f', did you mean "{near[0]}"?' if near else ""
        raise SettingsError(f'unknown setting "{field}"{hint}')
    expected = _TYPES[field]
    is_misplaced_bool = isinstance(value, bool) and expected is not bool
    if not isinstance(value, expected) or is_misplaced_bool:
        raise SettingsError(f'"{field}": not expected to be {type(value).__name__}')
    if isinstance(value, int | float) and not value >= 0:
        raise SettingsError(f'"{field}": expected a number of at least 0')


def _users(table: Mapping[str, Any]) -> Users:
    """Return who may call what.

    An unknown name in `allow` would be a user without bounds under another spelling.
    """
    entries = _entries(table)
    allowed = table.get("allow", {})
    for user, patterns in allowed.items():
        if user not in entries:
            raise SettingsError(f'"allow": there is no user "{user}"')
        is_list = isinstance(patterns, list)
        if not is_list or not all(isinstance(one, str) for one in patterns):
            raise SettingsError(f'"allow": "{user}": expected a list of names')
    return Users(entries=entries, allowed=allowed)


def _entries(table: Mapping[str, Any]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for user, text in table.get("users", {}).items():
        if not isinstance(text, str):
            raise SettingsError('"users": expected passwords, each a string')
        try:
            entries[user] = read_entry(text)
        except ValueError as error:
            raise SettingsError(f'"users": "{user}": {error}') from None
    if "users_file" not in table:
        return entries
    try:
        return entries | read_users(Path(table["users_file"]))
    except OSError as error:
        raise SettingsError(f'"users_file": {error.strerror}') from None
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _check_whole(settings: Settings) -> None:
    if not settings.listen:
        raise SettingsError('"listen": name at least one address')
    if not any(isinstance(address, TcpAddress) for address in settings.listen):
        return
    if settings.cert_file is None or settings.key_file is None:
        raise SettingsError('a TCP address needs "cert_file" and "key_file"')
    if settings.users.is_empty:
        raise SettingsError('a TCP address needs "users" or "users_file"')
