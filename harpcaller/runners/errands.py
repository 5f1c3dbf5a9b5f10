"""What a machine asks for, done one thing at a time; the driver says when."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias, assert_never

import attrs
import trio

from harpcaller.adapters.machine import (
    Asked,
    Ended,
    Event,
    Fetch,
    Fetched,
    FetchFailed,
    Post,
    Posted,
    Save,
    Saved,
    SaveFailed,
    Sleep,
    Slept,
    Submit,
    child_id,
)
from harpcaller.adapters.packets import CHILD_GONE
from harpcaller.runners.transfers import TransferFailed, Transfers
from harpcaller.runners.vault import Vault
from harpcaller.store import Claim
from protocol.call import Call
from protocol.errors import WireError
from protocol.job import JobId, JobRecord
from protocol.outcome import Cancelled, Failed, Outcome

Maker: TypeAlias = Callable[..., Event]
"""Makes the event once the driver knows `at`."""


class Children(Protocol):
    """What the driver needs of whoever owns the live jobs."""

    async def submit(self, parent: Claim, key: str, call: Call) -> None:
        """Have a child run, unless it was submitted before.

        Raises:
            WireError: it was refused.
        """

    async def find(self, job_id: JobId) -> JobRecord | None:
        """Return what is known of a child."""

    async def wait(self, job_id: JobId) -> JobRecord | None:
        """Return a child that has ended, once it has; None where there is none."""

    async def cancel(self, job_id: JobId) -> None:
        """End a child, if there is one that has not ended."""

    async def end_all(self, parent: JobId) -> None:
        """End every child of a parent."""


class Errands:
    """Does what the machine of one parent asks for.

    `is_wanted` tells whether the child of a key is to be submitted still.
    """

    def __init__(
        self,
        claim: Claim,
        children: Children,
        transfers: Transfers,
        vault: Vault,
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._claim = claim
        self._children = children
        self._transfers = transfers
        self._vault = vault
        self._is_wanted = is_wanted

    async def carry_out(self, asked: Asked, *, again: bool) -> Maker:
        """Return what makes the event that answers `asked`, once there is one."""
        match asked:
            case Submit(key=key, call=call):
                return await self._bring_up(key, call)
            case Fetch(uri=uri, max_bytes=max_bytes):
                return await self._fetch(uri, max_bytes)
            case Save():
                return await self._save(asked, again=again)
            case Post():
                return await self._post(asked)
            case Sleep(seconds=seconds):
                await trio.sleep(seconds)
                return Slept
        assert_never(asked)

    async def cancel(self, key: str) -> None:
        """End the child of a key, if it has not ended."""
        await self._children.cancel(child_id(self._claim.job_id, key))

    async def _bring_up(self, key: str, call: Call) -> Maker:
        """Have a child run to its end, in this life of the parent or an earlier one."""
        children, job_id = self._children, child_id(self._claim.job_id, key)
        if self._is_wanted(key):
            try:
                call = await self._vault.child_call(call)
                await children.submit(self._claim, key, call)
            except WireError as error:
                return _never(job_id, Failed(type=error.type, message=error.message))
            if not self._is_wanted(key):  # the cancel may have come before the child
                await children.cancel(job_id)
        elif await children.find(job_id) is None:
            return _never(job_id, Cancelled())
        child = await children.wait(job_id)
        if child is None or child.outcome is None:
            return _never(job_id, CHILD_GONE)
        return partial(
            Ended,
            job_id=job_id,
            outcome=child.outcome,
            started_at=child.started_at,
            ended_at=child.ended_at,
        )

    async def _fetch(self, uri: str, max_bytes: int) -> Maker:
        try:
            body = await self._transfers.fetch(uri, max_bytes)
        except TransferFailed as failed:
            return partial(FetchFailed, code=failed.code, text=failed.text)
        return partial(Fetched, body=body)

    async def _save(self, save: Save, *, again: bool) -> Maker:
        try:
            await self._transfers.save(save, again=again)
        except TransferFailed as failed:
            return partial(SaveFailed, code=failed.code, text=failed.text)
        return Saved

    async def _post(self, post: Post) -> Maker:
        reply = await self._transfers.post(self._opened(post))
        return partial(
            Posted,
            status=reply.status,
            retry_after_s=reply.retry_after_s,
            body=reply.body,
        )

    def _opened(self, post: Post) -> Post:
        """Return a Post with its references opened: it is what is sent."""
        texts = self._vault.texts
        body = texts.open_text(post.body.decode(errors="surrogateescape"))
        return attrs.evolve(
            post,
            url=texts.open_text(post.url),
            headers=tuple(
                (name, texts.open_text(value)) for name, value in post.headers
            ),
            body=body.encode(errors="surrogateescape"),
            allow=tuple(map(texts.open_text, post.allow)),
        )


def _never(job_id: JobId, outcome: Outcome) -> Maker:
    """Return the end of a child that never was."""
    return partial(
        Ended, job_id=job_id, outcome=outcome, started_at=None, ended_at=None
    )
