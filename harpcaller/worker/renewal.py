"""Reading the settings again while calls run: what is new serves the next ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import structlog
import trio

from harpcaller.failures import FailureLog
from harpcaller.peerlog import PeerLog
from harpcaller.worker.children import Children, Plan
from harpcaller.worker.door import Door
from harpcaller.worker.limits import Gates
from harpcaller.worker.listen import tls_context
from harpcaller.worker.orphans import Orphans
from harpcaller.worker.settings import Settings
from harpcaller.worker.terms import Terms
from indira.beside import beside

log = structlog.get_logger()

AT_START = {  # fields of Settings that a reload leaves as they are: their keys
    "listen": "listen",
    "listen_group": "listen_group",
    "admin_socket": "admin_socket",
    "harp2": "harp2",
    "max_calls": "max_calls",
    "max_line_bytes": "max_worker_line_bytes",
    "stop_grace_s": "stop_grace_s",
}


class Renewal:
    """Makes terms of settings; owns the terms in force, and sees off the old ones."""

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        peer_log: PeerLog,
        orphans: Orphans,
        old: trio.Nursery,
    ) -> None:
        self._settings = settings
        self._reread = reread
        self._peer_log = peer_log
        self._orphans = orphans
        self._old = old
        self._failures = FailureLog()
        self._gates = Gates()
        self._lock = trio.Lock()
        self.terms: Terms

    async def begin(self) -> None:
        """Have terms by the settings of the start.

        Raises:
            SettingsError: the certificate cannot be used.
            Refused: `procedure_loading_error`.
        """
        self.terms = await self._terms_of(self._settings)

    async def renew(self) -> Sequence[str]:
        """Serve by the settings as they are now; return the keys that need a restart.

        Raises:
            SettingsError, Refused: something is wrong, and nothing has changed.
        """
        async with self._lock:
            settings = await trio.to_thread.run_sync(self._reread)
            kept = {name: getattr(self._settings, name) for name in AT_START}
            left = [
                key
                for name, key in AT_START.items()
                if getattr(settings, name) != kept[name]
            ]
            settings = attrs.evolve(settings, **kept)
            fresh = await self._terms_of(settings)
            old, self.terms = self.terms.children, fresh
            self._settings = settings
            self._old.start_soon(_see_off, old)
        log.info("settings.reloaded", needs_restart=left)
        return left

    async def _terms_of(self, settings: Settings) -> Terms:
        tls = tls_context(settings) if settings.cert_file else None
        children = Children(plan_of(settings), self._gates, self._orphans)
        try:
            await children.warm_up()
        except BaseException:
            await _close(children)
            raise
        return Terms(
            children=children,
            door=Door(settings.users, self._failures, self._peer_log),
            tls=tls,
        )


@asynccontextmanager
async def open_renewal(
    settings: Settings,
    reread: Callable[[], Settings],
    peer_log: PeerLog,
    orphans: Orphans,
) -> AsyncIterator[Renewal]:
    """Have terms while the block runs; calls should have ended by then.

    Raises:
        SettingsError, Refused: as `Renewal.begin`.
    """
    async with beside() as old:
        renewal = Renewal(settings, reread, peer_log, orphans, old)
        await renewal.begin()
        try:
            yield renewal
        finally:
            await _close(renewal.terms.children)


async def _see_off(children: Children) -> None:
    try:
        await children.wait_unused()
    finally:
        await _close(children)


async def _close(children: Children) -> None:
    with trio.CancelScope(shield=True):  # it only waits for processes that end
        await children.close()


def plan_of(settings: Settings) -> Plan:
    """Return what is to be served."""
    return Plan(
        procedures=settings.procedures,
        executables=settings.executables,
        defaults=settings.defaults,
        term_grace_s=settings.term_grace_s,
        max_line_bytes=settings.max_line_bytes,
    )
