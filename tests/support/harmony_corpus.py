"""Messages, services and catalogs of Harmony, as tests/corpus/harmony has them."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harpcaller.adapters.adapter import CoreLimits, Problem
from harpcaller.adapters.harmony.loading import files, load
from harpcaller.adapters.harmony.message import Message, Mode, read_message
from harpcaller.adapters.harmony.settings import Settings

CORPUS = Path(__file__).parent.parent / "corpus" / "harmony"
LIMITS = CoreLimits(max_exec_s=86400, max_worker_line_bytes=4 * 2**20)
UAT = "https://cmr.uat.earthdata.nasa.gov"
PROD = "https://cmr.earthdata.nasa.gov"


def corpus_json(name: str) -> Any:
    """Return the value of a file of the corpus."""
    return json.loads((CORPUS / name).read_bytes())


def operation(name: str, **changes: Any) -> dict[str, Any]:
    """Return a data-operation message; a change to None takes the field away."""
    folder = "own/messages" if (CORPUS / "own/messages" / name).exists() else "messages"
    fields: dict[str, Any] = corpus_json(f"{folder}/{name}") | changes
    return {key: value for key, value in fields.items() if value is not None}


def message(name: str, **changes: Any) -> Message:
    """Return a judged message."""
    return read_message(operation(name, **changes), Mode.STRICT)


def corpus_table(**changes: Any) -> dict[str, Any]:
    """Return `[adapters.harmony]` of the acceptance cases; None takes a key away."""
    text = (CORPUS / "own/adapter.toml").read_text()
    table: dict[str, Any] = tomllib.loads(text)["adapters"]["harmony"] | changes
    return {key: value for key, value in table.items() if value is not None}


def load_corpus(
    contents: dict[str, bytes] | None = None, **changes: Any
) -> Settings | Sequence[Problem]:
    """Return what `load` makes of the table; `contents` are given, not read."""
    table = corpus_table(**changes)
    read = {
        name: (CORPUS / "own" / name).read_bytes()
        for name in files(table)
        if (CORPUS / "own" / name).is_file()
    }
    return load(table, read | (contents or {}), LIMITS)


def settings(contents: dict[str, bytes] | None = None, **changes: Any) -> Settings:
    """Return settings that have no problem."""
    if contents is None:
        return _settings(json.dumps(changes))
    return _loaded(load_corpus(contents, **changes))


@functools.cache
def _settings(changes: str) -> Settings:
    """Return settings that nobody changes; reading YAML takes its time."""
    return _loaded(load_corpus(None, **json.loads(changes)))


def _loaded(found: Settings | Sequence[Problem]) -> Settings:
    assert isinstance(found, Settings), found
    return found


def load_problems(
    contents: dict[str, bytes] | None = None, **changes: Any
) -> list[tuple[str | None, str, str]]:
    """Return file, place and message of each problem."""
    loaded = load_corpus(contents, **changes)
    assert not isinstance(loaded, Settings)
    return [(problem.file, problem.place, problem.message) for problem in loaded]
