"""Which of the files that a service left are its outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_CATALOG: Final = re.compile(r"catalog([0-9]{0,9})\.json")


class NoOutputs(Exception):
    """A service left nothing that could be an output."""

    def __init__(self) -> None:
        super().__init__("Service did not return any outputs")


def output_catalogs(names: Iterable[str], listed: Sequence[str] | None) -> list[str]:
    """Return a directory's catalogs in their order.

    `listed` is what `batch-catalogs.json` says; without that file the names of
    catalogs count, by number.

    Raises:
        NoOutputs: there is none.
    """
    found = _numbered(names) if listed is None else list(listed)
    if not found:
        raise NoOutputs
    return found


def _numbered(names: Iterable[str]) -> list[str]:
    matches = [match for match in map(_CATALOG.fullmatch, names) if match]
    if any(not match[1] for match in matches):
        return ["catalog.json"]
    return [match[0] for match in sorted(matches, key=lambda match: int(match[1]))]
