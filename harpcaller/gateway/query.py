"""The parameters behind the `?` of a target: known ones, each once, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NoReturn
from urllib.parse import parse_qsl

from protocol.errors import ErrorType, WireError
from protocol.fields import refuse, refuse_unknown

MAX_PARAMETERS = 32
_COUNT = re.compile(r"[0-9]{1,18}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,3})?")


class Query:
    """Parameters by name; what is wrong with one is an `invalid_request`."""

    def __init__(self, text: bytes, known: Iterable[str]) -> None:
        """Read them.

        Raises:
            WireError: one is unknown, stands twice or is no UTF-8.
        """
        self._values: Mapping[str, str] = _read(text, known)

    def text(self, name: str) -> str | None:
        """Return a parameter as it is, None without it."""
        return self._values.get(name)

    def count(self, name: str, *, least: int = 0, most: int = 2**53) -> int | None:
        """Return an integer within bounds, None without it."""
        value = self._values.get(name)
        if value is None:
            return None
        expected = f"an integer of at least {least}"
        if most < 2**53:
            expected = f"an integer from {least} to {most}"
        if not _COUNT.fullmatch(value) or not least <= int(value) <= most:
            refuse(name, expected)
        return int(value)

    def seconds(self, name: str, *, most: int) -> float | None:
        """Return a number of seconds from 0 on, None without it."""
        value = self._values.get(name)
        if value is None:
            return None
        if not _SECONDS.fullmatch(value) or float(value) > most:
            refuse(name, f"a number of seconds from 0 to {most}")
        return float(value)

    def start(self) -> tuple[int | None, int | None]:
        """Return `since` and `recent`, of which there may be one."""
        since, recent = self.count("since"), self.count("recent")
        if since is not None and recent is not None:
            refuse("recent", 'no "recent" where "since" is given')
        return since, recent


def _read(text: bytes, known: Iterable[str]) -> Mapping[str, str]:
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        _refuse_all()
    values = dict(pairs)
    refuse_unknown(values, known)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        refuse(next(name for name in names if names.count(name) > 1), "it once")
    return values


def _refuse_all() -> NoReturn:
    raise WireError(
        ErrorType.INVALID_REQUEST,
        f"the query: expected at most {MAX_PARAMETERS} parameters, in UTF-8",
    )
