"""Keeps the registry's learned hosts fresh: from the cache first, then the script."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NoReturn

import attrs
import structlog
import trio

from harpcaller.hosts import cache
from harpcaller.hosts.lines import Listed, read_hosts
from harpcaller.hosts.registry import Registry
from harpcaller.hosts.script import ScriptFailed, run_script

log = structlog.get_logger()

_RETRY_S = 60  # after a failure, where the next refresh is further away


@attrs.frozen(kw_only=True)
class Refreshed:
    """What a refresh did: how many hosts are known now, and what was wrong.

    With problems the old list was kept.
    """

    count: int
    problems: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RegistryScript:
    """The script that lists the hosts, when to run it, and where to keep its list."""

    path: Path
    cache: Path
    every_s: float = 900
    timeout_s: float = 30


class Refresher:
    """Runs the registry script and tells the registry; one run at a time."""

    def __init__(self, registry: Registry, script: RegistryScript | None) -> None:
        self._registry = registry
        self._script = script
        self._turn = trio.Lock()
        self._pause = trio.CancelScope()

    def configure(self, script: RegistryScript | None) -> None:
        """Go by another script, at once; without one the hosts of the old one go."""
        if script == self._script:
            return
        self._script = script
        if script is None:
            self._registry.learn(())
        self._pause.cancel()

    async def load(self) -> None:
        """Learn the hosts of the cache; call it before calls are accepted."""
        if self._script is None:
            return
        listed = await trio.to_thread.run_sync(cache.load, self._script.cache)
        if listed.problems:
            log.warning("hosts.refused", source="cache", problems=listed.problems)
        self._registry.learn(listed.hosts)

    async def refresh_now(self) -> Refreshed:
        """Run the script and learn its hosts; keep the old ones if it went wrong."""
        if self._script is None:
            return Refreshed(count=len(self._registry.names()))
        async with self._turn:
            problems = await self._refresh(self._script)
        refreshed = Refreshed(count=len(self._registry.names()), problems=problems)
        if problems:
            log.warning("hosts.refused", source="script", problems=problems)
        else:
            log.info("hosts.refreshed", count=refreshed.count)
        return refreshed

    async def run(self) -> NoReturn:
        """Refresh at once and then on schedule, until cancelled."""
        while True:
            script, pause_s = self._script, math.inf
            if script is not None:
                refreshed = await self.refresh_now()
                pause_s = script.every_s
                if refreshed.problems:
                    pause_s = min(pause_s, _RETRY_S)
            if script is self._script:  # else there is another one to run
                with trio.CancelScope() as self._pause:
                    await trio.sleep(pause_s)

    async def _refresh(self, script: RegistryScript) -> tuple[str, ...]:
        try:
            output = await run_script(script.path, timeout_s=script.timeout_s)
        except ScriptFailed as error:
            return (str(error),)
        # In a thread: a long list takes longer to read than the loop may stand still.
        listed: Listed = await trio.to_thread.run_sync(read_hosts, output)
        if listed.problems:
            return listed.problems
        if script is not self._script:  # it was replaced while it ran
            return ()
        self._registry.learn(listed.hosts)
        try:
            await trio.to_thread.run_sync(cache.save, script.cache, listed.hosts)
        except OSError as error:
            log.warning("hosts.unsaved", problem=error.strerror)
        return ()
