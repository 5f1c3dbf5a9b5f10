"""Tables of the configuration file whose keys are settings each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harpcaller.config.http_table import HTTP_KEYS
from harpcaller.config.keys import Key
from harpcaller.config.problems import Problem, unknown_key
from harpcaller.config.websocket_table import WEBSOCKET_KEYS

FLAT_TABLES: Mapping[str, Mapping[str, Key]] = {
    "http": HTTP_KEYS,
    "websocket": WEBSOCKET_KEYS,
}


def read_flat_table(
    table: str, value: Any, folder: Path
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings of a table, and what is wrong with the others."""
    if not isinstance(value, dict):
        return {}, [Problem(key=table, message=f"expected a table [{table}]")]
    keys = FLAT_TABLES[table]
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, found in value.items():
        key = keys.get(name)
        if key is None:
            problems.append(unknown_key(f"{table}.{name}", name, keys))
            continue
        try:
            settings[key.setting] = key.read(found, folder)
        except ValueError as error:
            problems.append(Problem(key=f"{table}.{name}", message=str(error)))
    return settings, problems
