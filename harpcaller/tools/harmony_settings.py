"""The settings of `[adapters.harmony]`, as `harp-harmony plan` reads them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from harpcaller.adapters.adapter import CoreLimits, Problem
from harpcaller.adapters.harmony.loading import files, load
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.config import Config
from harpcaller.config.adapter_keys import CORE_NAMES


class NoConfig(Exception):
    """The configuration has problems; a line each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__(*self.lines)


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
