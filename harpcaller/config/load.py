"""Reads a configuration file; complains of everything that is wrong with it at once."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs

from harpcaller.adapters.adapter import CoreLimits
from harpcaller.config.adapter_tables import (
    doubts,
    read_adapter_tables,
    unready_desks,
)
from harpcaller.config.clients import complain_of_clients, complain_of_listeners
from harpcaller.config.flat_tables import FLAT_TABLES, read_flat_table
from harpcaller.config.host_tables import read_host_tables
from harpcaller.config.identity_tables import read_identity_tables
from harpcaller.config.keys import (
    ADAPTERS,
    IGNORED,
    KEYS,
    STREAM_DIRECTORY,
    TABLES,
)
from harpcaller.config.positions import Position, key_positions
from harpcaller.config.problems import ConfigError, Problem, placed, unknown_key
from harpcaller.config.reporter_tables import read_reporter_tables
from harpcaller.config.values import Config
from harpcaller.rights import complain_if_open_writable
from harpcaller.runners.tls import TrustError, WorkerTls

MAX_FILE_BYTES = 4 * 1024 * 1024
_PLACE = re.compile(r"(.*) \(at line ([0-9]+), column ([0-9]+)\)", re.DOTALL)
_READ_TABLES: dict[str, Callable[[Any, Path], tuple[Any, Iterable[Problem]]]] = {
    "hosts": read_host_tables,
    "identities": read_identity_tables,
    "reporters": read_reporter_tables,
}


@attrs.frozen
class _Read:
    """What was found so far, good and bad."""

    settings: dict[str, Any] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)


def load_config(path: Path | None) -> Config:
    """Return the configuration of a file; without one, the defaults.

    Raises:
        ConfigError: it cannot be read, others may write to it, or something in it is
            wrong.
    """
    if path is None:
        return Config()
    source = path.absolute()
    content, may_all_read = _read_file(source)
    try:
        text = content.decode()
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(source, [_syntax_problem(str(error))]) from None
    read = _read_table(table, source.parent)
    config = Config(source=source, **read.settings)
    config = _with_adapters(config, table.get(ADAPTERS, {}), read)
    _find_contradictions(config, read)
    if read.problems:
        raise ConfigError(source, placed(read.problems, key_positions(text)))
    if may_all_read and _has_passwords(table):
        read.warnings.append("others may read the passwords in it: chmod o-r")
    return attrs.evolve(config, warnings=tuple(read.warnings))


def _with_adapters(config: Config, value: Any, read: _Read) -> Config:
    """Return the configuration with its adapters, which know the limits of others."""
    limits = CoreLimits(
        max_exec_s=config.max_exec_s,
        max_worker_line_bytes=config.max_worker_line_bytes,
    )
    assert config.source is not None  # noqa: S101 (they stand in a file)
    adapters, problems = read_adapter_tables(value, config.source.parent, limits)
    read.problems.extend(problems)
    read.warnings.extend([*unready_desks(adapters), *doubts(adapters)])
    return attrs.evolve(config, adapters=adapters)


def _syntax_problem(message: str) -> Problem:
    match = _PLACE.fullmatch(message)
    if match is None:
        return Problem(key="", message=message)
    what, line, column = match.groups()
    return Problem(key="", message=what, at=Position(int(line), int(column)))


def _has_passwords(table: dict[str, Any]) -> bool:
    return any("password" in host for host in table.get("hosts", {}).values())


def _read_file(source: Path) -> tuple[bytes, bool]:
    """Return the text of the file, and whether everybody may read it."""
    try:
        with source.open("rb") as file:
            untrusted = complain_if_open_writable(file.fileno())
            may_all_read = bool(os.fstat(file.fileno()).st_mode & stat.S_IROTH)
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        untrusted, may_all_read, text = f"cannot be read: {error.strerror}", False, b""
    if len(text) > MAX_FILE_BYTES:
        untrusted = f"longer than {MAX_FILE_BYTES} bytes"
    if untrusted is not None:
        raise ConfigError(source, [Problem(key="", message=untrusted)])
    return text, may_all_read


def _read_table(table: dict[str, Any], folder: Path) -> _Read:
    read = _Read()
    for name, value in table.items():
        if name == ADAPTERS:
            continue  # they are read when all else is
        if name in IGNORED:
            read.warnings.append(f"{name}: {IGNORED[name]}")
        elif name in TABLES:
            settings, problems = _read_tables(name, value, folder)
            read.settings.update(settings)
            read.problems.extend(problems)
        elif name == STREAM_DIRECTORY:
            _read_stream_directory(table, value, folder, read)
        elif name in KEYS:
            _read_key(name, name, value, folder, read)
        else:
            read.problems.append(unknown_key(name, name, (*KEYS, *TABLES, ADAPTERS)))
    return read


def _read_tables(
    name: str, value: Any, folder: Path
) -> tuple[dict[str, Any], Iterable[Problem]]:
    if name in FLAT_TABLES:
        return read_flat_table(name, value, folder)
    found, problems = _READ_TABLES[name](value, folder)
    return {name: found}, problems


def _read_key(name: str, as_key: str, value: Any, folder: Path, read: _Read) -> None:
    key = KEYS[as_key]
    try:
        read.settings[key.setting] = key.read(value, folder)
    except ValueError as error:
        read.problems.append(Problem(key=name, message=str(error)))


def _read_stream_directory(
    table: dict[str, Any], value: Any, folder: Path, read: _Read
) -> None:
    if "state_dir" in table:
        message = 'not with "state_dir": it is the old name of the same'
        read.problems.append(Problem(key=STREAM_DIRECTORY, message=message))
        return
    _read_key(STREAM_DIRECTORY, "state_dir", value, folder, read)
    read.warnings.append(f'{STREAM_DIRECTORY}: the old name of "state_dir"')


def _find_contradictions(config: Config, read: _Read) -> None:
    """Look at settings that are well-formed each, but may not go together."""
    read.problems.extend(complain_of_listeners(config))
    read.problems.extend(complain_of_clients(config))
    try:
        tls = WorkerTls.load(
            ca_file=config.ca_file,
            known_certs_file=config.known_certs_file,
            verify_hostname=config.verify_hostname,
        )
    except TrustError as error:
        read.problems.append(Problem(key=error.key, message=str(error)))
    else:
        read.warnings.extend(tls.warnings)
