"""A process that writes to a store and tells on stdout what is durable, until killed.

Each line is one fact: a word, a job id, and what goes with it. Its arguments are
the state directory and a seed.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import trio
from new_jobs import new_job, queue
from stored import texts

from harpcaller.store import Claim
from harpcaller.store.sqlite import SqliteStore
from protocol.jsontext import JsonText
from protocol.outcome import Returned, outcome_text


def tell(*words: object) -> None:
    """Write a line at once: what is in the pipe survives a kill."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class TellingWriter:
    """Submits, streams and ends jobs of a few queues, several at a time."""

    def __init__(self, store: SqliteStore, seed: int) -> None:
        self._store = store
        self._random = random.Random(seed)  # noqa: S311 (a test, not a secret)
        self._running: list[Claim] = []
        self._lengths: dict[str, int] = {}

    async def write(self) -> None:
        """Do something, for ever."""
        self._begin(await self._store.take())
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(self._write)

    async def _write(self) -> None:
        while True:
            if self._running and self._random.random() < 0.7:
                claim = self._random.choice(self._running)
                self._running.remove(claim)
                await self._stream(claim)
            else:
                name = self._random.choice("abc")
                job = new_job(queue=queue(name, 2), retries=self._random.randint(0, 1))
                submitted = await self._store.submit(job)
                tell("submitted", job.job_id, name)
                self._begin(submitted.claims)

    async def _stream(self, claim: Claim) -> None:
        first = claim.record.packets
        packets = texts(*(str(first + n) for n in range(self._random.randint(1, 5))))
        await self._store.append(claim, first, packets)
        tell("packets", claim.job_id, first + len(packets))
        if self._random.random() < 0.2:
            await self._store.cancel(claim.job_id)
            tell("wished", claim.job_id)
        outcome = Returned(JsonText(str(self._random.random()).encode()))
        claims = await self._store.finish(claim, outcome, first + len(packets), [])
        tell("ended", claim.job_id, outcome_text(outcome).decode())
        self._begin(claims)

    def _begin(self, claims: tuple[Claim, ...]) -> None:
        for claim in claims:
            tell("started", claim.job_id, claim.fence)
            self._running.append(claim)


async def main(directory: str, seed: str) -> None:
    """Write until killed."""
    store = SqliteStore(Path(directory), reserve_bytes=0)
    await store.open("test", 5, 10**6)
    await TellingWriter(store, int(seed)).write()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
