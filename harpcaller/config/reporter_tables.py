"""The tables [[reporters.panoptes]] of the configuration file."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harpcaller.adapters.monitors import GroupBy, ReportingSettings
from harpcaller.config.host_tables import read_secret_file
from harpcaller.config.keys import Key, duration, read_boolean, read_url
from harpcaller.config.problems import Problem, unknown_key

PANOPTES = "panoptes"
_MISSING = "it needs httpx: install harpcaller[panoptes]"


def _read_monitor(value: Any, folder: Path) -> str:
    url = read_url(value, folder)
    if any(sign in url for sign in "@?#"):
        raise ValueError("expected a URL without user, query and fragment")
    return url


def _read_token(value: Any, folder: Path) -> str:
    token = read_secret_file(value, folder)
    if not token or not token.isascii() or not token.isprintable():
        raise ValueError("expected a file with a token of ASCII characters")
    return token


def _read_group_by(value: Any, _folder: Path) -> GroupBy:
    try:
        return GroupBy(value)
    except ValueError:
        names = ", ".join(f'"{one.value}"' for one in GroupBy)
        raise ValueError(f"expected one of {names}") from None


REPORTER_KEYS: Mapping[str, Key] = {
    "url": Key("url", _read_monitor),
    "token_file": Key("token", _read_token),
    "group_by": Key("group_by", _read_group_by),
    "idle_close_s": Key("idle_close_s", duration("seconds", may_be_none=True)),
    "report_packets": Key("report_packets", read_boolean),
    "report_arguments": Key("report_arguments", read_boolean),
    "follow_foreign": Key("follow_foreign", read_boolean),
}


def read_reporter_tables(
    value: Any, folder: Path
) -> tuple[tuple[ReportingSettings, ...], list[Problem]]:
    """Return the monitors that are reported to, and what is wrong with the others."""
    if not isinstance(value, dict):
        message = "expected tables [[reporters.panoptes]]"
        return (), [Problem(key="reporters", message=message)]
    problems = [
        unknown_key(f"reporters.{kind}", kind, (PANOPTES,))
        for kind in value
        if kind != PANOPTES
    ]
    tables = value.get(PANOPTES, [])
    place = f"reporters.{PANOPTES}"
    if not isinstance(tables, list):
        message = "expected [[reporters.panoptes]], with two brackets"
        return (), [*problems, Problem(key=place, message=message)]
    if tables and importlib.util.find_spec("httpx") is None:
        problems.append(Problem(key=place, message=_MISSING))
    found = [
        _read_table(f"{place}.{at}", table, folder, problems)
        for at, table in enumerate(tables)
    ]
    return tuple(one for one in found if one is not None), problems


def _read_table(
    place: str, table: Any, folder: Path, problems: list[Problem]
) -> ReportingSettings | None:
    if not isinstance(table, dict):
        problems.append(Problem(key=place, message="expected a table"))
        return None
    settings: dict[str, Any] = {}
    for name, value in table.items():
        key = REPORTER_KEYS.get(name)
        if key is None:
            problems.append(unknown_key(f"{place}.{name}", name, REPORTER_KEYS))
            continue
        try:
            settings[key.setting] = key.read(value, folder)
        except ValueError as error:
            problems.append(Problem(key=f"{place}.{name}", message=str(error)))
    if "url" not in table:
        problems.append(Problem(key=place, message='"url" is missing'))
    return ReportingSettings(**settings) if "url" in settings else None
