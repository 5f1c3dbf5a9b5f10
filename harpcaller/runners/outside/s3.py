"""Documents in S3, moved by boto3 in threads: exact error codes, keys as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import trio

from harpcaller.adapters.machine import Save
from harpcaller.runners.outside.s3_answers import Again
from harpcaller.runners.outside.s3_client import (
    S3Settings,
    get,
    holds,
    make_client,
    put,
    read_place,
)
from harpcaller.runners.transfers import TransferFailed

T = TypeVar("T")

FIRST_PAUSE_S: Final = 0.2  # before the second attempt, twice as long before the third
MAX_ATTEMPT_S: Final = 300.0  # also of a server that sends a byte now and then
_WRITTEN_ALREADY: Final = "PreconditionFailed"


class S3Mover:
    """Moves documents to and from one S3 service, some at a time."""

    def __init__(
        self, settings: S3Settings, max_attempt_s: float = MAX_ATTEMPT_S
    ) -> None:
        self._settings = settings
        self._max_attempt_s = max_attempt_s
        self._limiter = trio.CapacityLimiter(settings.concurrency)
        self._making = trio.Lock()
        self._client: Any = None

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return a document of at most `max_bytes`.

        Raises:
            TransferFailed: with S3's own code, or Unreachable, Timeout, TooLarge.
        """
        place = read_place(uri)
        return await self._attempt(
            lambda client, _: get(client, place, max_bytes), may_abandon=True
        )

    async def save(self, save: Save, *, again: bool) -> None:
        """Write a document; where one is already it is ours only if it is the same.

        Raises:
            TransferFailed: with S3's own code, or Unreachable, Timeout.
        """
        place = read_place(save.uri)

        def write(client: Any, number: int) -> None:
            try:
                put(client, place, save)
            except TransferFailed as failed:
                may_be_ours = failed.code == _WRITTEN_ALREADY and (again or number > 0)
                if not may_be_ours or not holds(client, place, save.body):
                    raise

        await self._attempt(write, may_abandon=False)  # never left half done

    async def _attempt(self, work: Callable[[Any, int], T], *, may_abandon: bool) -> T:
        client = await self._made_client()
        for number in range(self._settings.attempts):
            try:
                return await self._in_thread(
                    partial(work, client, number), may_abandon=may_abandon
                )
            except Again as again:
                if number + 1 == self._settings.attempts:
                    raise again.failed from None
            await trio.sleep(FIRST_PAUSE_S * 2**number)
        raise AssertionError  # there is at least one attempt

    async def _in_thread(self, work: Callable[[], T], *, may_abandon: bool) -> T:
        with trio.move_on_after(self._max_attempt_s):
            return await trio.to_thread.run_sync(
                work, abandon_on_cancel=may_abandon, limiter=self._limiter
            )
        text = f"S3 was not done within {self._max_attempt_s:g} s"
        raise Again(TransferFailed("Timeout", text))

    async def _made_client(self) -> Any:
        async with self._making:
            if self._client is None:  # credentials may be a program's, which hangs
                self._client = await trio.to_thread.run_sync(
                    make_client, self._settings, abandon_on_cancel=True
                )
        return self._client
