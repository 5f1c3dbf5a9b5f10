"""The [adapters.NAME] tables: what is the core's in them, and what each adapter's."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from harpcaller.adapters import adapter as adapters
from harpcaller.adapters import folders
from harpcaller.adapters.adapter import Adapter, CoreLimits, Files
from harpcaller.adapters.places import Places
from harpcaller.config.adapter_keys import (
    ADAPTER_HTTP_KEYS,
    CORE_KEYS,
    CORE_NAMES,
    HTTP_TABLE,
    S3_KEYS,
    S3_TABLE,
)
from harpcaller.config.keys import Key, read_group
from harpcaller.config.problems import Problem, unknown_key
from harpcaller.rights import complain_if_open_writable
from harpcaller.runners.installed import Installed
from harpcaller.runners.outside.http_messages import HttpSettings
from harpcaller.runners.outside.s3_client import S3Settings

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_FILES: Final = 10_000


def read_adapter_tables(
    value: Any, folder: Path, limits: CoreLimits
) -> tuple[tuple[Installed, ...], list[Problem]]:
    """Return the adapters of the tables, and all that is wrong with the others."""
    if not isinstance(value, dict):
        return (), [Problem(key="adapters", message="expected tables [adapters.NAME]")]
    installed: list[Installed] = []
    problems: list[Problem] = []
    for name, table in value.items():
        key = f"adapters.{name}"
        if name not in folders.names():
            problems.append(unknown_key(key, name, folders.names()))
        elif not isinstance(table, dict):
            problems.append(Problem(key=key, message=f"expected a table [{key}]"))
        else:
            found, wrong = _Reader(folders.find(name), folder).read(table, limits)
            installed.extend(found)
            problems.extend(wrong)
    return tuple(installed), problems


def unready_desks(adapters: Iterable[Installed]) -> Iterator[str]:
    """Give a warning for each directory that cannot be written to now, or given away.

    It may be mounted later; until then every document that is saved is refused.
    """
    for installed in adapters:
        desk, key = installed.desk, f"adapters.{installed.adapter.name}"
        if desk is not None and not _is_writable(desk.folder):
            yield f"{key}.work_dir: {desk.folder} is no directory that we may write to"
        if desk is not None and desk.gid is not None and not _may_give_to(desk.gid):
            yield f"{key}.work_group: we are not in it, and can give it nothing"


def doubts(adapters: Iterable[Installed]) -> Iterator[str]:
    """Give a warning for each thing that an adapter has found doubtful."""
    for installed in adapters:
        for doubt in installed.adapter.doubts(installed.settings):
            yield f"adapters.{installed.adapter.name}.{doubt}"


def _is_writable(folder: str) -> bool:
    # First the access: where the way there is shut, is_dir() raises.
    wanted = os.W_OK | os.X_OK
    return os.access(folder, wanted, effective_ids=True) and Path(folder).is_dir()


def _may_give_to(gid: int) -> bool:
    return os.geteuid() == 0 or gid in {os.getegid(), *os.getgroups()}


class _Reader:
    """Reads the table of one adapter."""

    def __init__(self, adapter: Adapter[Any], folder: Path) -> None:
        self._adapter = adapter
        self._folder = folder
        self._key = f"adapters.{adapter.name}"
        self._problems: list[Problem] = []

    def read(
        self, table: dict[str, Any], limits: CoreLimits
    ) -> tuple[Sequence[Installed], Sequence[Problem]]:
        """Return the adapter with its settings, or what is wrong."""
        own = {name: table[name] for name in table if name not in CORE_NAMES}
        core = self._read_keys(
            {n: table[n] for n in table if n in CORE_KEYS}, CORE_KEYS
        )
        s3 = self._read_table(table, S3_TABLE, S3_KEYS)
        http = self._read_table(table, HTTP_TABLE, ADAPTER_HTTP_KEYS)
        files = self._read_files(self._adapter.files(own))
        if self._problems:
            return (), self._problems
        settings = self._adapter.load(own, files, limits)
        if _are_problems(settings):
            return (), [self._problem(found) for found in settings]
        places = self._adapter.places(settings)
        installed = Installed(
            adapter=self._adapter,
            settings=settings,
            s3=S3Settings(**s3),
            http=HttpSettings(**http),
            places=places,
            work_gid=self._read_work_group(places),
            **core,
        )
        return [] if self._problems else [installed], self._problems

    def _read_table(
        self, table: dict[str, Any], name: str, keys: dict[str, Key]
    ) -> dict[str, Any]:
        inner = table.get(name, {})
        if isinstance(inner, dict):
            return self._read_keys(inner, keys, f"{name}.")
        self._problems.append(
            Problem(key=f"{self._key}.{name}", message="expected a table")
        )
        return {}

    def _read_work_group(self, places: Places) -> int | None:
        if places.work_group is None:
            return None
        try:
            return read_group(places.work_group, self._folder)
        except ValueError as error:
            key = f"{self._key}.work_group"
            self._problems.append(Problem(key=key, message=str(error)))
            return None

    def _read_keys(
        self, table: dict[str, Any], keys: dict[str, Key], below: str = ""
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in table.items():
            at = f"{self._key}.{below}{name}"
            key = keys.get(name)
            if key is None:
                self._problems.append(unknown_key(at, name, keys))
                continue
            try:
                found[key.setting] = key.read(value, self._folder)
            except ValueError as error:
                self._problems.append(Problem(key=at, message=str(error)))
        return found

    def _read_files(self, patterns: Iterable[str]) -> Files:
        files: dict[str, bytes] = {}
        for pattern in patterns:
            found = glob.glob(  # noqa: PTH207 (a pattern may be absolute)
                pattern, root_dir=self._folder, recursive=True
            )
            for path in sorted(found)[: MAX_FILES + 1]:
                if not (self._folder / path).is_dir():
                    files[path] = self._read_file(path)
        if len(files) > MAX_FILES:
            self._complain(f"more than {MAX_FILES} files")
        return files

    def _read_file(self, path: str) -> bytes:
        try:
            with (self._folder / path).open("rb") as file:
                untrusted = complain_if_open_writable(file.fileno())
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            untrusted, content = f"cannot be read: {error.strerror}", b""
        if untrusted is not None:
            self._complain(f"{path}: {untrusted}")
        if len(content) > MAX_FILE_BYTES:
            self._complain(f"{path}: longer than {MAX_FILE_BYTES} bytes")
        return content

    def _complain(self, message: str) -> None:
        self._problems.append(Problem(key=self._key, message=message))

    def _problem(self, found: adapters.Problem) -> Problem:
        if found.file is None:
            key = f"{self._key}.{found.place}" if found.place else self._key
            return Problem(key=key, message=found.message)
        place = f"{found.file}: {found.place}" if found.place else found.file
        return Problem(key=self._key, message=f"{place}: {found.message}")


def _are_problems(settings: Any) -> bool:
    """Tell whether `load` found mistakes; settings are a value of its own."""
    return isinstance(settings, list | tuple)
