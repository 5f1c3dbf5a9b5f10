"""Files that `harp-harmony` reads: the configuration, messages, catalogs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from harpcaller.adapters.adapter import CoreLimits, Problem
from harpcaller.adapters.harmony.loading import files, load
from harpcaller.adapters.harmony.reading import read_json
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.sources import Override, cannot_read, read_sources
from harpcaller.config import Config
from harpcaller.config.adapter_keys import CORE_NAMES
from protocol.jsontext import JsonValue

_MAX_DOCUMENT_BYTES = 4 * 2**20


class NoConfig(Exception):
    """The configuration has problems; a line each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__(*self.lines)


class NoInput(Exception):
    """A file that was named cannot be read."""


def read_settings(path: Path) -> Settings:
    """Return what the table `[adapters.harmony]` of a configuration settles.

    Raises:
        NoConfig: something is wrong with it, or with the files that it names.
    """
    try:
        config = tomllib.loads(path.read_text())
        table = config["adapters"]["harmony"]
    except OSError as error:
        raise NoConfig([f"{path}: {error.strerror}"]) from None
    except ValueError as error:
        raise NoConfig([f"{path}: {error}"]) from None
    except (KeyError, TypeError):
        raise NoConfig([f"{path}: there is no table [adapters.harmony]"]) from None
    own = {key: table[key] for key in table if key not in CORE_NAMES}
    loaded = load(own, _contents(own, path.parent), _limits(config))
    if isinstance(loaded, Settings):
        return loaded
    raise NoConfig(_line(path, problem) for problem in loaded)


def read_message(text: str | None, path: Path | None) -> bytes:
    """Return the text of a message, as it was given or from a file.

    Raises:
        NoInput: there is no such file.
    """
    if text is not None:
        return text.encode(errors="surrogateescape")
    try:
        return Path(path or "").read_bytes()
    except OSError as error:
        raise NoInput(f"{path}: {error.strerror}") from None


def read_sources_file(path: Path) -> JsonValue:
    """Return `sources` for a file: a catalog is named by its path, all else is read.

    Raises:
        Refusal: E15, it cannot be read.
    """
    value = read_document(str(path))
    if not isinstance(value, dict):
        raise cannot_read("it is neither a STAC catalog nor an object")
    if "files" in value or isinstance(read_sources(value), Override):
        return value
    return str(path.absolute())


def read_document(uri: str) -> Any:
    """Return the value of a document on this machine.

    Raises:
        Refusal: E15, it is elsewhere, too large, or no JSON.
    """
    path = Path(uri.removeprefix("file://"))
    if "://" in str(path) or ":/" in str(path):
        raise cannot_read("only files of this machine are read here")
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise cannot_read(f"{path.name}: {error.strerror}") from None
    if len(text) > _MAX_DOCUMENT_BYTES:
        raise cannot_read(f"{path.name} is larger than {_MAX_DOCUMENT_BYTES} bytes")
    try:
        return read_json(text)
    except Refusal:
        raise cannot_read(f"{path.name} is no JSON") from None


def _contents(table: dict[str, Any], folder: Path) -> dict[str, bytes]:
    """Return the files that can be read; `load` complains of the others."""
    return {
        name: (folder / name).read_bytes()
        for name in files(table)
        if (folder / name).is_file()
    }


def _limits(config: dict[str, Any]) -> CoreLimits:
    defaults: Any = attrs.fields(Config)
    return CoreLimits(
        max_exec_s=config.get("max_exec_time", defaults.max_exec_s.default),
        max_worker_line_bytes=config.get(
            "max_worker_line_bytes", defaults.max_worker_line_bytes.default
        ),
    )


def _line(path: Path, problem: Problem) -> str:
    place = problem.place
    if problem.file is None:
        place = f"adapters.harmony.{place}" if place else "adapters.harmony"
    return ": ".join(
        part for part in (problem.file or str(path), place, problem.message) if part
    )
