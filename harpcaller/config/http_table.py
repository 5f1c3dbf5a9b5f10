"""The [http] table of the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harpcaller.config.keys import Key, integer, read_plain_listen
from harpcaller.config.problems import Problem, unknown_key

HTTP_KEYS: dict[str, Key] = {
    "listen": Key("http_listen", read_plain_listen),
    "min_free_bytes": Key("http_min_free_bytes", integer(0)),
}


def read_http_table(value: Any, folder: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings of the table, and what is wrong with the others."""
    if not isinstance(value, dict):
        return {}, [Problem(key="http", message="expected a table [http]")]
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, found in value.items():
        key = HTTP_KEYS.get(name)
        if key is None:
            problems.append(unknown_key(f"http.{name}", name, HTTP_KEYS))
            continue
        try:
            settings[key.setting] = key.read(found, folder)
        except ValueError as error:
            problems.append(Problem(key=f"http.{name}", message=str(error)))
    return settings, problems
