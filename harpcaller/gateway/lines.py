"""Lines of the client protocol as HTTP answers have them: one object, or events."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PACKET = b'{"packet":'
_EVENT = rb"id: \1\ndata: \g<0>\n"
_PACKET_LINE = re.compile(rb'\{"packet":([0-9]+),.*\n')


class Gathered:
    """Keeps the lines of an answer together; nobody reads them before it is whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    async def write(self, lines: bytes) -> None:
        """Keep `lines`."""
        self._pieces.append(lines)

    async def flush(self) -> None:
        """Do nothing: it is sent as a whole."""

    @property
    def lines(self) -> Sequence[bytes]:
        """All lines, each without its end."""
        return b"".join(self._pieces).splitlines()

    def text(self) -> bytes:
        """Return the one line that the answer is."""
        return b"".join(self._pieces)


def packets_object(lines: Sequence[bytes]) -> bytes:
    """Return the lines of a page, packets and how it goes on, as one object."""
    *packets, last = lines
    return b'{"packets":[%b],%b\n' % (b",".join(packets), last[1:])


def events(lines: bytes) -> bytes:
    """Return whole lines as server-sent events, each packet's with its number as id.

    A line that is no packet is the last one: how the job ended.
    """
    start = lines.rfind(b"\n", 0, -1) + 1
    last = lines[start:]
    if last.startswith(_PACKET):
        return _PACKET_LINE.sub(_EVENT, lines)
    return _PACKET_LINE.sub(_EVENT, lines[:start]) + b"event: end\ndata: %b\n" % last
