"""Many documents to read or write, of which only a few are asked for at one time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from harpcaller.adapters.machine import Cancel, Fetch, Save

AT_ONE_TIME: Final = 16
MAX_DOCUMENT_BYTES: Final = 4 * 2**20  # of one that is read
MAX_TREE_BYTES: Final = 128 * 2**20  # of all; a server may make up pages without end


class Few:
    """What is open of some Fetches or Saves, and what is still to come."""

    def __init__(self, asked: Iterable[Fetch | Save] = ()) -> None:
        self._waiting = deque(asked)
        self._open: dict[str, Fetch | Save] = {}

    @property
    def is_over(self) -> bool:
        """Whether all were answered."""
        return not self._open and not self._waiting

    def more(self) -> Sequence[Fetch | Save]:
        """Return what can be asked for now."""
        opened = []
        while self._waiting and len(self._open) < AT_ONE_TIME:
            asked = self._waiting.popleft()
            self._open[asked.key] = asked
            opened.append(asked)
        return opened

    def answered(self, key: str) -> str:
        """Count one as answered; return its URI."""
        return self._open.pop(key).uri

    def give_up(self) -> Sequence[Cancel]:
        """Give up all that was not answered."""
        self._waiting.clear()
        given_up = [Cancel(key=key) for key in self._open]
        self._open.clear()
        return given_up
