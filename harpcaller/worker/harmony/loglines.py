"""What a service writes, made into packets: lines, bounded in length and number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from harpcaller.worker.harmony.hiding import Hiding
from protocol.errors import WireError
from protocol.jsontext import MAX_DEPTH, decode

Packet: TypeAlias = dict[str, Any]

MAX_PACKETS = 10_000
MAX_LINE_BYTES = 16 * 1024
_KEPT_BYTES = 2 * MAX_LINE_BYTES  # a secret at the cut must be whole to be found
_DEPTH = MAX_DEPTH - 2  # a packet is two deeper on the wire than the line


class LogLines:
    """Cuts the output of a service into packets; owns what is not yet a line."""

    def __init__(self, hiding: Hiding, max_packets: int = MAX_PACKETS) -> None:
        self._hiding = hiding
        self._left = max_packets
        self._omitted = 0
        self._partial: dict[str, bytes] = {}

    @property
    def omitted(self) -> int:
        """How many lines came when no more packets were due."""
        return self._omitted

    def receive(self, stream: str, data: bytes) -> Iterator[Packet]:
        """Yield the packets of the lines that `data` completes."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            yield from self._packets(stream, self._join(stream, line))
            self._partial.pop(stream, None)
        self._partial[stream] = self._join(stream, rest)

    def receive_eof(self, stream: str) -> Iterator[Packet]:
        """Yield the packet of a last line without a line end."""
        rest = self._partial.pop(stream, b"")
        if rest:
            yield from self._packets(stream, rest)

    def _join(self, stream: str, more: bytes) -> bytes:
        before = self._partial.get(stream, b"")
        return before + more[: _KEPT_BYTES - len(before)]

    def _packets(self, stream: str, line: bytes) -> Iterator[Packet]:
        if self._left:
            self._left -= 1
            yield self._packet(stream, line.removesuffix(b"\r"))
        else:
            self._omitted += 1

    def _packet(self, stream: str, line: bytes) -> Packet:
        if len(line) > MAX_LINE_BYTES:
            text = self._hiding.text(line.decode(errors="replace"))
            cut = text.encode()[:MAX_LINE_BYTES].decode(errors="ignore")
            return {"log": stream, "line": cut, "cut": True}
        fields = _as_object(line)
        if fields is not None:
            return {"log": stream, "json": self._hiding.value(fields)}
        return {"log": stream, "line": self._hiding.text(line.decode(errors="replace"))}


def _as_object(line: bytes) -> dict[str, Any] | None:
    """Return the fields of a line of JSON, as harmony-service-lib writes them."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        fields = decode(line, max_depth=_DEPTH)
    except WireError:
        return None
    return fields if isinstance(fields, dict) else None
