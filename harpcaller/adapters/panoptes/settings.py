"""The table `[adapters.panoptes]`: settings, or all that is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from harpcaller.adapters.adapter import CoreLimits, Files, Problem, Table

_DAY_S: Final = 86400.0
_REDIRECTS: Final = (301, 302)


@attrs.frozen(kw_only=True)
class Redirect:
    """Where service info sends clients, and whether for good or this once."""

    code: int
    location: str


@attrs.frozen(kw_only=True)
class Settings:
    """What holds for all workflows; times are seconds of silence."""

    serve: bool = True
    redirect: Redirect | None = None
    linger_s: float = 5.0
    quiet_s: float = 60.0
    quiet_running_s: float = 600.0
    stale_after_s: float = 2 * _DAY_S
    give_up_s: float = 7 * _DAY_S
    drop_levels: frozenset[str] = frozenset()
    cancel_kills: bool = False
    max_live: int = 10_000
    max_packets: int = 1_000_000
    max_bytes: int = 256 * 2**20
    max_updates_per_s: float = 200.0


class _Wrong(ValueError):
    """What was expected of a key."""


Read: TypeAlias = Callable[[Any], Any]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false")
    return value


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < math.inf:
        raise _Wrong("a number greater than 0")
    return float(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Wrong("a whole number from 1 on")
    return value


def _levels(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _Wrong("a list of levels, such as debug")
    return frozenset(value)


def _redirect(value: Any) -> Redirect:
    match value:
        case {"code": int(code), "location": str(location)} if (
            len(value) == 2 and code in _REDIRECTS and _is_header(location)
        ):
            return Redirect(code=code, location=location)
    raise _Wrong('{ code = 301 or 302, location = "/where/" }')


def _is_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


KEYS: Final[Mapping[str, Read]] = {
    "serve": _flag,
    "redirect": _redirect,
    "linger_s": _number,
    "quiet_s": _number,
    "quiet_running_s": _number,
    "stale_after_s": _number,
    "give_up_s": _number,
    "drop_levels": _levels,
    "cancel_kills": _flag,
    "max_live": _count,
    "max_packets": _count,
    "max_bytes": _count,
    "max_updates_per_s": _number,
}


def files(_: Table) -> Sequence[str]:
    """Return no globs: the table is all."""
    return ()


def load(table: Table, _: Files, __: CoreLimits) -> Settings | Sequence[Problem]:
    """Return the settings, or all that is wrong with them."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in table.items():
        read = KEYS.get(key)
        if read is None:
            expected = ", ".join(KEYS)
            problems.append(
                Problem(place=key, message=f"no such key; there are {expected}")
            )
            continue
        try:
            found[key] = read(value)
        except _Wrong as wrong:
            problems.append(Problem(place=key, message=f"expected {wrong}"))
    return problems or Settings(**found)
