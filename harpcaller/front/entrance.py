"""A way in for clients: where it is, and how they speak there."""

from __future__ import annotations

import attrs

from harpcaller.addresses import ListenAddress, TlsAddress
from harpcaller.front.tls import NOT_CLEAR, NOT_CLEAR_HTTP


@attrs.frozen(kw_only=True)
class Entrance:
    """A listener, for clients that send lines or WebSocket messages."""

    address: ListenAddress
    has_messages: bool = False

    def __str__(self) -> str:
        """Return how it is told: as a URL would begin where it is for messages."""
        if not self.has_messages:
            return str(self.address)
        if isinstance(self.address, TlsAddress):
            return f"wss:{self.address.tcp}"
        return f"ws:{self.address}"

    @property
    def not_clear(self) -> bytes:
        """What is said to a client that does not speak TLS."""
        return NOT_CLEAR_HTTP if self.has_messages else NOT_CLEAR

    def refusal(self, line: bytes) -> bytes:
        """Return how a client is told `line` for which there is no room."""
        if not self.has_messages:
            return line
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(line)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + line
