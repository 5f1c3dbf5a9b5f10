"""What a call's process wrote, made into what its dispatcher is told, and how often."""

from __future__ import annotations

from protocol import harp_worker

_ENDINGS = (b'{"result":', b'{"exception":', b'{"harp":1,"error":')
_FREE_CHUNKS = 4
_PAUSE_S = 0.002
_BURST_GAP_S = 2 * _PAUSE_S  # measured from read to read, a pause included
_FULL_BYTES = 32 * 1024  # half a pipe: to wait for more would stop the process
_NO_RESULT = harp_worker.exception(
    "ProcessExited", "the procedure's process ended without a result"
)


class Replies:
    """Cuts bytes into whole lines, and keeps the last one until all else is over.

    The dispatcher hears how a call ended when nothing of the call is left; and it
    always hears an end, also of a process that died in the middle of a line. A call
    that says all at once is answered in one send.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._partial = bytearray()
        self._ending = b""
        self._is_acknowledged = False

    @property
    def has_ended(self) -> bool:
        """Tell whether the process said how the call ended: it says nothing more."""
        return bool(self._ending)

    @property
    def is_overflown(self) -> bool:
        """Tell whether the process wrote a line that is longer than any may be."""
        return len(self._partial) > self._max_line_bytes

    def receive(self, data: bytes) -> bytes:
        """Return the lines that may be sent now."""
        if self._ending:
            return b""  # the end is the end
        head, line_end, tail = data.rpartition(b"\n")
        if not line_end:
            self._partial += data
            return b""
        lines = bytes(self._partial) + head + line_end
        self._partial = bytearray(tail)
        start = lines.rfind(b"\n", 0, -1) + 1
        if lines.startswith(_ENDINGS, start):
            if not self._is_acknowledged:
                self._ending = lines
                return b""
            self._ending = lines[start:]
            lines = lines[:start]
        self._is_acknowledged = self._is_acknowledged or bool(lines)
        return lines

    def finish(self, told: bytes) -> bytes:
        """Return the last lines; `told` is what the supervisor says, if it has to."""
        if self._ending:
            return self._ending
        if self._is_acknowledged:
            return told or _NO_RESULT
        return harp_worker.acknowledgement(streams=False) + (told or _NO_RESULT)


class Pace:
    """Makes a burst of small writes into few sends: each costs more than its bytes.

    The first chunks of a burst pass at once, so a call that says little never waits.
    """

    def __init__(self) -> None:
        self._last_at = float("-inf")
        self._streak = 0

    def pause_s(self, now: float, length: int) -> float:
        """Return how long to let the process write before reading again."""
        is_burst = now - self._last_at < _BURST_GAP_S and length < _FULL_BYTES
        self._last_at = now
        self._streak = self._streak + 1 if is_burst else 0
        return _PAUSE_S if self._streak > _FREE_CHUNKS else 0
