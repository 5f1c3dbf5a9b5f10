"""Carries out the parents of all adapters: makes each one's machine, and drives it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import structlog

from harpcaller.adapters.machine import Machine
from harpcaller.runners import Progress, Runner
from harpcaller.runners.documents import keep_document
from harpcaller.runners.heavy import sized
from harpcaller.runners.installed import Installed
from harpcaller.runners.workflow import Means, WorkflowRunner
from harpcaller.store import Claim, OnLoss, Store
from protocol.call import Call
from protocol.errors import ErrorType
from protocol.outcome import Failed, Outcome

_SETTINGS = "settings"

log = structlog.get_logger()

Find: TypeAlias = Callable[[str], Installed | None]
"""Returns the adapter that is called as a host."""

MeansFor: TypeAlias = Callable[[Installed], Means]
"""Returns what the drivers of an adapter work with."""


class ParentRunner:
    """Carries out calls to hosts that are adapters.

    A parent goes by the settings that it began with: they are kept beside it.
    `external` returns what waits for jobs that are fed.
    """

    def __init__(
        self,
        find: Find,
        means_for: MeansFor,
        store: Store,
        external: Callable[[], Runner],
    ) -> None:
        self._find = find
        self._means_for = means_for
        self._store = store
        self._external = external

    async def carry_out(self, claim: Claim, progress: Progress) -> Outcome:
        """Return how the machine of the parent ended."""
        host = claim.record.host
        installed = self._find(host)
        if installed is None:
            log.warning("adapter.missed", host=host)
        if claim.on_loss is OnLoss.FED:
            # Others carry it out: it waits for them, and for its adapter.
            return await self._external().carry_out(claim, progress)
        if installed is None:
            return Failed(
                type=ErrorType.UNKNOWN_HOST,
                message=f"no adapter is configured as {host}",
            )
        machine_for = partial(self._machine, installed)
        runner = WorkflowRunner(machine_for, self._means_for(installed))
        return await runner.carry_out(claim, progress)

    async def _machine(self, installed: Installed, claim: Claim, call: Call) -> Machine:
        adapter, size = installed.adapter, len(call.arguments)
        kept = await self._store.get_doc(claim.job_id, _SETTINGS)
        if kept is None:
            kept = await sized(size, adapter.keep, installed.settings, call)
            await keep_document(self._store, claim.job_id, _SETTINGS, kept)
        return await sized(size + len(kept), adapter.machine, kept, claim.job_id, call)
