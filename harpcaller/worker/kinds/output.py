"""What an executable wrote, made into the worker's lines: pure, and in any cut."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from protocol import harp_worker
from protocol.errors import WireError
from protocol.jsontext import MAX_DEPTH, NULL, JsonText, decode, encode
from protocol.lines import LineBuffer

_TAIL_LINES = 20
_TAIL_LINE_BYTES = 1000


class ResultMode(StrEnum):
    """Where the result of an executable is, as harpd.toml names it."""

    EXIT = "exit"
    LAST_LINE = "last-line"
    FD3 = "fd3"


class Output:
    """Makes lines of an executable packets; with `last-line` it keeps the last one."""

    def __init__(self, mode: ResultMode, *, streams: bool, max_line_bytes: int) -> None:
        self._keeps_last = mode is ResultMode.LAST_LINE
        self._streams = streams
        self._max_line_bytes = max_line_bytes
        self._buffer = LineBuffer(max_line_bytes)
        self._kept: JsonText | None = None
        self._is_too_long = False
        self._pending_bytes = 0

    @property
    def is_overflown(self) -> bool:
        """Tell whether a line was longer than any may be, as written or as JSON."""
        return self._buffer.is_overflown or self._is_too_long

    @property
    def pending_bytes(self) -> int:
        """The length of the unfinished line: what parsing it will cost, at least."""
        return self._pending_bytes

    def receive(self, data: bytes) -> bytes:
        """Return the packets that `data` completes."""
        last = data.rfind(b"\n")
        if last < 0:
            self._pending_bytes += len(data)
        else:
            self._pending_bytes = len(data) - last - 1
        return b"".join(map(self._take, self._buffer.take_lines(data)))

    def receive_eof(self) -> bytes:
        """Return the packet of a last line without a line end."""
        return self._take(self._buffer.take_rest()) if self._buffer.has_partial else b""

    def take_result(self) -> JsonText:
        """Return the line that was kept as the result."""
        kept, self._kept = self._kept, None
        return NULL if kept is None else kept

    def release(self) -> bytes:
        """Return the packet of the line that was kept: it is no result after all."""
        kept, self._kept = self._kept, None
        return b"" if kept is None else self._packet(kept)

    def _take(self, line: bytes) -> bytes:
        value = as_json(line)
        if not self._keeps_last:
            return self._packet(value)
        before = self.release()
        self._kept = value
        return before

    def _packet(self, value: JsonText) -> bytes:
        if not self._streams:
            return b""
        packet = harp_worker.packet(value)
        if len(packet) > self._max_line_bytes:
            self._is_too_long = True
            return b""
        return packet


class Tail:
    """Cuts standard error into lines of bounded length; knows the last ones."""

    def __init__(self) -> None:
        self._partial = b""
        self._last: deque[str] = deque(maxlen=_TAIL_LINES)

    @property
    def lines(self) -> list[str]:
        """The last lines, oldest first."""
        return list(self._last)

    def receive(self, data: bytes) -> list[str]:
        """Return the lines that `data` completes; a long one comes in pieces."""
        *lines, rest = (self._partial + data).split(b"\n")
        # All but the last piece: whether its line goes on is not known yet.
        whole = max(0, len(rest) - 1) // _TAIL_LINE_BYTES * _TAIL_LINE_BYTES
        self._partial = rest[whole:]
        return self._note([*lines, rest[:whole]] if whole else lines)

    def receive_eof(self) -> list[str]:
        """Return the last line if it has no line end."""
        rest, self._partial = self._partial, b""
        return self._note([rest] if rest else [])

    def _note(self, lines: list[bytes]) -> list[str]:
        said = [
            line[start : start + _TAIL_LINE_BYTES].decode(errors="replace")
            for line in lines
            for start in range(0, max(len(line), 1), _TAIL_LINE_BYTES)
        ]
        self._last.extend(said)
        return said


def as_json(line: bytes) -> JsonText:
    """Return the value that a line spells; if it is no JSON, the line as a string."""
    text = line.strip(b" \t\r")
    try:
        # A packet is one deeper on the wire than on its line.
        value = decode(text, max_depth=MAX_DEPTH - 1)
    except WireError:
        return encode(line.decode(errors="replace"))
    return encode(value) if b"\r" in text else JsonText(text)
