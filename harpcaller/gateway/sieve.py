"""Lines of a stream, without the packets that somebody does not want to see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harpcaller.dispatch.followers import Outbox
from protocol.jsontext import JsonValue, decode

_DEEPER: Final = 2**31  # a packet may be as deep as it is: it was judged when it came


class Sieve:
    """An Outbox before another; the line that ends a stream always goes through."""

    def __init__(self, out: Outbox, shows: Callable[[JsonValue], bool]) -> None:
        self._out = out
        self._shows = shows

    async def write(self, lines: bytes) -> None:
        """Send those of `lines` that are to be seen."""
        seen = b"".join(
            line for line in lines.splitlines(keepends=True) if self._is_seen(line)
        )
        if seen:
            await self._out.write(seen)

    async def flush(self) -> None:
        """Send what was written."""
        await self._out.flush()

    def _is_seen(self, line: bytes) -> bool:
        value = decode(line, max_depth=_DEEPER)
        if not isinstance(value, dict) or "packet" not in value:
            return True
        return self._shows(value["data"])
