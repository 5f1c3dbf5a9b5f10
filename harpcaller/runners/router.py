"""Which runner carries a claim out: a worker's, an adapter's, or a child's."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from harpcaller.adapters.sealed_texts import SealedTexts
from harpcaller.runners import Progress, Runner
from harpcaller.runners.heavy import sized
from harpcaller.runners.installed import PREFIX
from harpcaller.runners.vault import sealed_texts
from harpcaller.store import Claim, Store
from protocol.job import JobId
from protocol.jsontext import JsonText
from protocol.outcome import Outcome, outcome_text


class Router:
    """Gives parents to their adapters, and all other calls to workers.

    What the child of a parent says is stored without the parent's sealed texts.
    """

    def __init__(self, workers: Runner, parents: Runner, store: Store) -> None:
        self._workers = workers
        self._parents = parents
        self._store = store

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Return how the call ended."""
        if claim.record.host.startswith(PREFIX):
            return await self._parents.carry_out(claim, progress)
        if claim.parent is None:
            return await self._workers.carry_out(claim, progress)
        return await self._carry_out_child(claim.parent, claim, progress)

    async def _carry_out_child(
        self, parent: JobId, claim: Claim, progress: Progress
    ) -> Outcome:
        texts = await sealed_texts(parent, self._store)
        if not texts.values:
            return await self._workers.carry_out(claim, progress)

        async def emit(packets: Sequence[JsonText]) -> None:
            size = sum(map(len, packets))
            await progress.emit(await sized(size, _hidden, texts, packets))

        masked = attrs.evolve(progress, emit=emit)
        outcome = await self._workers.carry_out(claim, masked)
        size = len(outcome_text(outcome))
        return await sized(size, texts.hide_outcome, outcome)


def _hidden(texts: SealedTexts, packets: Sequence[JsonText]) -> list[JsonText]:
    return [texts.hide(packet) for packet in packets]
