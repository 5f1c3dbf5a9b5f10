"""What a driver asks of whoever can move documents to and from other machines."""

from __future__ import annotations

from typing import Protocol

import attrs

from harpcaller.adapters.machine import Post, Save


class TransferFailed(Exception):
    """A document could not be moved; the machine is told `code` and `text`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@attrs.frozen(kw_only=True)
class Reply:
    """What was answered to a Post; no status where nothing was."""

    status: int | None
    retry_after_s: float | None = None
    body: bytes = attrs.field(default=b"", repr=False)


class Transfers(Protocol):
    """Moves documents; a transfer that is cancelled leaves nothing half done."""

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document of at most `max_bytes`.

        Raises:
            TransferFailed: there is none to be had.
        """

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document; `again`: it may have been written before.

        Raises:
            TransferFailed: it was not written.
        """

    async def post(self, post: Post) -> Reply:
        """Send a request and return what came of it, whatever it was."""
