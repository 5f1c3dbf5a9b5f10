"""One client's side of the talk: bytes in, requests out; no waiting, no clock."""

# first line ──▶ answering ──▶ lingering ──▶ over
#    │             ▲  │ hello, help,   ▲       ▲
#    │             │  │ "session"      │       │
#    │             │  └──▶ in session ─┼───────┤
#    │             └───── next line ───┘       │
#    └── no line in time, EOF, framing lost ───┘

from __future__ import annotations

import re
from collections import deque
from typing import TypeAlias

import attrs

from harpcaller.meters import Refusals
from protocol.errors import ErrorType, WireError
from protocol.lines import LineBuffer
from protocol.requests import Request, parse_request

Asked: TypeAlias = Request | bytes
"""A request, or the reply that is due to a line that is none."""


@attrs.frozen(kw_only=True)
class Bounds:
    """What one connection may cost; seconds, bytes, requests."""

    max_line_bytes: int = 2**20
    max_pending: int = 64
    first_line_s: float = 30
    incomplete_line_s: float = 2
    linger_s: float = 1
    idle_s: float = 600


# RFC 9110, "Tokens": any of these may be in a method.
_HTTP = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Z]+\s.*HTTP/[0-9]", re.IGNORECASE)
_TLS_HANDSHAKE = b"\x16\x03"
_NOT_HTTP = WireError(
    ErrorType.INVALID_PROTOCOL,
    "this port speaks JSON lines, not HTTP; see harpcaller-protocol(7)",
)
_NOT_TLS = WireError(
    ErrorType.INVALID_PROTOCOL,
    "this port speaks JSON lines in clear, not TLS; see harpcaller-protocol(7)",
)
_INCOMPLETE = WireError(ErrorType.PARSE_ERROR, "incomplete line: no newline")


def _http_refusal(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class Conversation:
    """Turns what a client sends into what it asks, and knows how long to wait for it.

    Times are those of the caller's clock, in seconds.
    """

    __slots__ = (
        "_bounds",
        "_buffer",
        "_farewell",
        "_has_asked",
        "_in_session",
        "_line_due",
        "_lines",
        "_refusals",
        "_wants_no_more",
        "deadline",
    )

    def __init__(self, bounds: Bounds, now: float, refusals: Refusals) -> None:
        self._bounds = bounds
        self._refusals = refusals
        self._buffer = LineBuffer(bounds.max_line_bytes)
        self._lines: deque[bytes] | None = None  # most connections are idle ones
        self._farewell = b""
        self._has_asked = False
        self._in_session = False
        self._wants_no_more = False
        self._line_due: float | None = now + bounds.first_line_s
        self.deadline = now + bounds.first_line_s

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more is to be read from this client, nor answered."""
        return self._wants_no_more and not self._lines and not self._farewell

    def receive(self, data: bytes | bytearray) -> None:
        """Take what the client sent; no bytes mean that it will send no more."""
        if self._wants_no_more:
            return
        if not data:
            self._wants_no_more = True
            self._add([self._buffer.take_rest()])
        elif not self._has_asked and data.startswith(_TLS_HANDSHAKE):
            self._end_with(self._refusals.line(_NOT_TLS))
        else:
            self._add(self._buffer.take_lines(bytes(data)))
            if self._buffer.is_overflown:
                self._end_with(self._refusals.line(self._too_large()))

    def next_batch(self) -> list[Asked]:
        """Return what was asked next, in order, at most `max_pending` of it."""
        batch: list[Asked] = []
        while self._lines and len(batch) < self._bounds.max_pending:
            batch.append(self._read(self._lines.popleft()))
        if self._farewell and not self._lines:
            batch.append(self._farewell)
            self._farewell = b""
        return batch

    def wait_from(self, now: float) -> None:
        """Set the deadline for the client's next bytes; all replies have been sent."""
        bounds = self._bounds
        if not self._buffer.has_partial:
            if self._has_asked:
                self._line_due = None
                patience_s = bounds.idle_s if self._in_session else bounds.linger_s
                self.deadline = now + patience_s
            return
        if self._line_due is None:
            line_s = bounds.idle_s if self._in_session else bounds.first_line_s
            self._line_due = now + line_s
        self.deadline = self._line_due
        if not self._in_session:
            self.deadline = min(self._line_due, now + bounds.incomplete_line_s)

    def last_words(self) -> bytes:
        """Return what to say when the deadline has passed, and be over."""
        is_cut = self._buffer.has_partial and not self._in_session
        self._wants_no_more = True
        self._lines = None
        return self._refusals.line(_INCOMPLETE) if is_cut else b""

    def _add(self, lines: list[bytes]) -> None:
        lines = [line for line in lines if line and not line.isspace()]
        if not lines:
            return
        self._has_asked = True
        self._line_due = None  # what may have begun behind them has its own time
        if self._lines is None:
            self._lines = deque()
        self._lines.extend(lines)

    def _read(self, line: bytes) -> Asked:
        if not line.startswith(b"{") and _HTTP.match(line):
            # A body behind it may hold lines that look like requests.
            self._lines = None
            self._wants_no_more = True
            self._farewell = b""
            return _http_refusal(self._refusals.line(_NOT_HTTP))
        try:
            request = parse_request(line)
        except WireError as error:
            return self._refusals.line(error)
        if request.session:
            self._in_session = True
        return request

    def _end_with(self, farewell: bytes) -> None:
        self._wants_no_more = True
        self._farewell = farewell

    def _too_large(self) -> WireError:
        size = self._bounds.max_line_bytes
        return WireError(
            ErrorType.TOO_LARGE,
            f"a line of more than {size} bytes",
            {"max_line_bytes": size},
        )
