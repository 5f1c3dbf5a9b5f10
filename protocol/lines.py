"""Bytes to lines, bounded."""

from __future__ import annotations


class LineBuffer:
    """Collects bytes and gives back complete lines, without their line ends.

    Any cut of the same bytes gives the same lines. CRLF counts as a line end.
    """

    __slots__ = ("_partial", "is_overflown", "max_line_bytes")

    def __init__(self, max_line_bytes: int) -> None:
        self.max_line_bytes = max_line_bytes
        self.is_overflown = False
        self._partial: bytes | bytearray = b""

    @property
    def has_partial(self) -> bool:
        """Tell whether an unfinished line waits for its end."""
        return bool(self._partial)

    def take_lines(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes; keep the rest.

        A line of more than `max_line_bytes` makes the buffer overflown: the lines
        before it are returned, and nothing that comes after it ever is.
        """
        if self.is_overflown:
            return []
        if b"\n" not in data:
            self._keep(data)
            return []
        parts = data.split(b"\n")
        if self._partial:
            parts[0] = bytes(self._partial) + parts[0]
            self._partial = b""
        rest = parts.pop()
        lines: list[bytes] = []
        for line in parts:
            if len(line) > self.max_line_bytes:
                self.is_overflown = True
                return lines
            lines.append(line[:-1] if line.endswith(b"\r") else line)
        self._keep(rest)
        return lines

    def take_rest(self) -> bytes:
        """Return the unfinished line and forget it."""
        rest, self._partial = bytes(self._partial), b""
        return rest[:-1] if rest.endswith(b"\r") else rest

    def _keep(self, data: bytes) -> None:
        if len(self._partial) + len(data) > self.max_line_bytes:
            self.is_overflown = True
            self._partial = b""
        elif not self._partial:
            self._partial = data  # most lines arrive whole: no copy for those
        elif data:
            if not isinstance(self._partial, bytearray):
                self._partial = bytearray(self._partial)
            self._partial += data
