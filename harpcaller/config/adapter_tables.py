"""The [adapters.NAME] tables: what is the core's in them, and what each adapter's."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from harpcaller.adapters import adapter as adapters
from harpcaller.adapters import folders
from harpcaller.adapters.adapter import Adapter, CoreLimits, Files
from harpcaller.config.keys import Key, duration, integer, read_string, read_url
from harpcaller.config.problems import Problem, unknown_key
from harpcaller.rights import complain_if_open_writable
from harpcaller.runners.installed import Installed
from harpcaller.runners.outside.s3_client import S3Settings

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_FILES: Final = 10_000

CORE_KEYS: dict[str, Key] = {
    "cancel_grace_s": Key("cancel_grace_s", duration("seconds", may_be_none=True)),
}
S3_KEYS: dict[str, Key] = {
    "endpoint_url": Key("endpoint_url", read_url),
    "region": Key("region", read_string),
    "profile": Key("profile", read_string),
    "connect_timeout_s": Key("connect_timeout_s", duration("seconds")),
    "read_timeout_s": Key("read_timeout_s", duration("seconds")),
    "attempts": Key("attempts", integer(1, 100)),
    "concurrency": Key("concurrency", integer(1, 1000)),
}
S3_TABLE: Final = "s3"


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
        cores = (*CORE_KEYS, S3_TABLE)
        own = {name: table[name] for name in table if name not in cores}
        core = self._read_keys(
            {n: table[n] for n in table if n in CORE_KEYS}, CORE_KEYS
        )
        s3 = self._read_s3(table.get(S3_TABLE, {}))
        files = self._read_files(self._adapter.files(own))
        if self._problems:
            return (), self._problems
        settings = self._adapter.load(own, files, limits)
        if _are_problems(settings):
            return (), [self._problem(found) for found in settings]
        return [Installed(adapter=self._adapter, settings=settings, s3=s3, **core)], ()

    def _read_s3(self, table: Any) -> S3Settings:
        if isinstance(table, dict):
            return S3Settings(**self._read_keys(table, S3_KEYS, f"{S3_TABLE}."))
        self._problems.append(
            Problem(key=f"{self._key}.{S3_TABLE}", message="expected a table")
        )
        return S3Settings()

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
