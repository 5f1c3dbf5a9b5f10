"""What `harpd` is told to do: the values of its command line and its file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from harpcaller.addresses import Address, TcpAddress, read_address
from harpcaller.rights import complain_if_not_ours
from harpcaller.worker.catalogue import Defaults, Offered
from harpcaller.worker.folder import read_folder
from harpcaller.worker.keys import complain_of
from harpcaller.worker.passwords import Entry, read_entry
from harpcaller.worker.tables import read_defaults, read_procedures
from harpcaller.worker.users import Users, read_users
from indira.cli import default_socket
from protocol.harp import MAX_LINE_BYTES


class SettingsError(Exception):
    """What is wrong with the settings, in sentences for the one who wrote them."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that a worker needs to know; paths, seconds, bytes."""

    listen: tuple[Address, ...]
    listen_group: str | None = None  # of Unix sockets; none: harpd's own user alone
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
    "listen_group": str,
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
_ALL_PATHS = (*_PATHS, "procedures_dir", "users_file")
_ABOVE_ZERO = ("max_calls", "max_worker_line_bytes")
_ELSEWHERE = {
    *("listen", "users", "users_file", "allow", "max_worker_line_bytes"),
    *("procedures_dir", "procedure", "defaults"),
}


def read_file(path: Path) -> dict[str, Any]:
    """Return the table in the TOML file at `path`; its paths start from its folder.

    Raises:
        SettingsError: it cannot be read, is no TOML, or others may write to it.
    """
    try:
        complaint = complain_if_not_ours(path)
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    if complaint is not None:
        raise SettingsError(f"{path}: {complaint}")
    return table | {
        key: str(path.absolute().parent / table[key])
        for key in _ALL_PATHS
        if isinstance(table.get(key), str)
    }


def settings_of(table: Mapping[str, Any]) -> Settings:
    """Return the settings that `table` spells.

    Raises:
        SettingsError: naming all that is wrong.
    """
    problems = [*_type_problems(table)]
    if problems:  # what they mean cannot be told
        raise SettingsError(*problems)
    defaults, executables = _read_executables(table, problems)
    values: dict[str, Any] = {
        field: Path(value) if field in _PATHS else value
        for field, value in table.items()
        if field not in _ELSEWHERE
    }
    if "max_worker_line_bytes" in table:
        values["max_line_bytes"] = table["max_worker_line_bytes"]
    settings = Settings(
        listen=_read_addresses(table.get("listen", []), problems),
        users=_read_users(table, problems),
        defaults=defaults,
        executables=executables,
        **values,
    )
    problems += _problems_of_whole(table, settings)
    if problems:
        raise SettingsError(*problems)
    return settings


def _read_executables(
    table: Mapping[str, Any], problems: list[str]
) -> tuple[Defaults, tuple[Offered, ...]]:
    defaults = Defaults()
    executables: tuple[Offered, ...] = ()
    with _noting(problems):
        defaults = read_defaults(table.get("defaults", {}))
    for one in table.get("procedure", []):
        with _noting(problems):
            executables += read_procedures([one], defaults)
    if "procedures_dir" in table:
        with _noting(problems):
            executables += read_folder(Path(table["procedures_dir"]), defaults)
    return defaults, executables


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        problems.append(str(error))


def _read_addresses(
    listen: str | list[Any], problems: list[str]
) -> tuple[Address, ...]:
    words = [listen] if isinstance(listen, str) else listen
    if not words:
        problems.append('"listen": name at least one address')
    addresses: tuple[Address, ...] = ()
    for word in words:
        with _noting(problems):
            addresses += (_read_address(word),)
    return addresses


def _read_address(text: Any) -> Address:
    try:
        return read_address(str(text))
    except ValueError as error:
        raise ValueError(f'"listen": {text!r}: {error}') from None


def _type_problems(table: Mapping[str, Any]) -> Iterator[str]:
    for field, value in table.items():
        complaint = complain_of(field, value, _TYPES)
        least = 1 if field in _ABOVE_ZERO else 0
        if complaint is not None:
            yield complaint
        elif isinstance(value, int | float) and not value >= least:
            yield f'"{field}": expected a number of at least {least}'


def _read_users(table: Mapping[str, Any], problems: list[str]) -> Users:
    """Return who may call what.

    An unknown name in `allow` would be a user without bounds under another spelling.
    """
    known_before = len(problems)
    entries = _read_entries(table, problems)
    are_all_known = len(problems) == known_before
    allowed = table.get("allow", {})
    for user, patterns in allowed.items():
        if are_all_known and user not in entries:
            problems.append(f'"allow": there is no user "{user}"')
        is_list = isinstance(patterns, list)
        if not is_list or not all(isinstance(one, str) for one in patterns):
            problems.append(f'"allow": "{user}": expected a list of names')
    return Users(entries=entries, allowed=allowed)


def _read_entries(table: Mapping[str, Any], problems: list[str]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for user, text in table.get("users", {}).items():
        if not isinstance(text, str):
            problems.append('"users": expected passwords, each a string')
            continue
        try:
            entries[user] = read_entry(text)
        except ValueError as error:
            problems.append(f'"users": "{user}": {error}')
    if "users_file" in table:
        with _noting(problems):
            entries |= _read_users_file(Path(table["users_file"]))
    return entries


def _read_users_file(path: Path) -> dict[str, Entry]:
    try:
        complaint = complain_if_not_ours(path)
        if complaint is None:
            return read_users(path)
    except OSError as error:
        complaint = error.strerror
    raise ValueError(f'"users_file": {complaint}')


def _problems_of_whole(table: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    if not table.keys() & {"procedures", "procedures_dir", "procedure"}:
        yield '"procedures": name the file that has them'
    if not any(isinstance(address, TcpAddress) for address in settings.listen):
        return
    if settings.cert_file is None or settings.key_file is None:
        yield 'a TCP address needs "cert_file" and "key_file"'
    if settings.users.is_empty:
        yield 'a TCP address needs "users" or "users_file"'
