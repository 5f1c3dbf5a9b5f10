"""Documents on other machines: each scheme of URIs has one that moves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from harpcaller.adapters.machine import Post, Save
from harpcaller.runners.transfers import Reply, TransferFailed

FILE: Final = "file"  # an absolute path is a URI of it too


class Mover(Protocol):
    """Moves documents of one scheme; see `Transfers`."""

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document."""

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document."""


class Poster(Protocol):
    """Posts; see `Transfers`."""

    async def post(self, post: Post) -> Reply:
        """Send a request and return what came of it."""


class Outside:
    """Moves documents to and from wherever their URIs lead, and posts."""

    def __init__(self, movers: Mapping[str, Mover], poster: Poster) -> None:
        self._movers = movers
        self._poster = poster

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document of at most `max_bytes`.

        Raises:
            TransferFailed: there is none to be had.
        """
        return await self._mover(uri).fetch(uri, max_bytes)

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document; `again`: it may have been written before.

        Raises:
            TransferFailed: it was not written.
        """
        await self._mover(save.uri).save(save, again=again)

    async def post(self, post: Post) -> Reply:
        """Send a request and return what came of it, whatever it was."""
        return await self._poster.post(post)

    def _mover(self, uri: str) -> Mover:
        scheme = FILE if uri.startswith("/") else uri.partition(":")[0]
        mover = self._movers.get(scheme)
        if mover is None:
            raise TransferFailed("NotSupported", f"{scheme}: is no scheme we know")
        return mover
