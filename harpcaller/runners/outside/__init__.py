"""Documents on other machines: each scheme of URIs has one that moves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harpcaller.adapters.machine import Post, Save
from harpcaller.runners.transfers import Reply, TransferFailed


class Mover(Protocol):
    """Moves documents of one scheme; see `Transfers`."""

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document."""

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document."""


class Outside:
    """Moves documents to and from wherever their URIs lead."""

    def __init__(self, movers: Mapping[str, Mover]) -> None:
        self._movers = movers

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

    async def post(self, _: Post) -> Reply:
        """Return that nobody answered: nothing posts yet."""
        return Reply(status=None)

    def _mover(self, uri: str) -> Mover:
        scheme = uri.partition(":")[0]
        mover = self._movers.get(scheme)
        if mover is None:
            raise TransferFailed("NotSupported", f"{scheme}: is no scheme we know")
        return mover
