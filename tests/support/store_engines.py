"""The engines of the store, each with a way to begin its next epoch."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import attrs
import pytest

from harpcaller.store import Opened, Store
from harpcaller.store.memory import MemoryStore
from harpcaller.store.sqlite import SqliteStore


@attrs.define
class HandClock:
    """A wall clock that stands still unless it is moved."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


class Engine(Protocol):
    """Opens stores on what the last one left."""

    clock: HandClock

    async def open(
        self, *, max_running: int = 1000, max_queued: int = 1000
    ) -> tuple[Store, Opened]:
        """Begin an epoch; whatever ran in the last one has been left."""

    async def close(self) -> None:
        """End the epoch."""


class MemoryEngine:
    """One store that is opened again and again."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self._store = MemoryStore(clock=self.clock)
        self._is_open = False

    async def open(
        self, *, max_running: int = 1000, max_queued: int = 1000
    ) -> tuple[Store, Opened]:
        """Begin an epoch."""
        await self.close()
        self._is_open = True
        return self._store, await self._store.open("test", max_running, max_queued)

    async def close(self) -> None:
        """End the epoch."""
        if self._is_open:
            await self._store.close()
        self._is_open = False


class SqliteEngine:
    """A new store on each open, on a copy of the files as a kill would leave them."""

    def __init__(self, directory: Path) -> None:
        self.clock = HandClock()
        self._directory = directory
        self._epochs = 0
        self._store: SqliteStore | None = None

    @property
    def directory(self) -> Path:
        """Where the files of this epoch are."""
        return self._directory / str(self._epochs)

    async def open(
        self, *, max_running: int = 1000, max_queued: int = 1000
    ) -> tuple[SqliteStore, Opened]:
        """Begin an epoch."""
        left = self.directory
        self._epochs += 1
        if self._store is not None:
            # Nothing is being written now: what was begun has been awaited.
            shutil.copytree(left, self.directory)
        await self.close()
        if left.exists():
            shutil.rmtree(left)
        self._store = SqliteStore(self.directory, clock=self.clock, reserve_bytes=0)
        return self._store, await self._store.open("test", max_running, max_queued)

    async def close(self) -> None:
        """End the epoch."""
        if self._store is not None:
            await self._store.close()
        self._store = None


@pytest.fixture(params=["memory", "sqlite"])
async def engine(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Engine]:
    """Yield each engine in turn."""
    engine: Engine = (
        MemoryEngine() if request.param == "memory" else SqliteEngine(tmp_path)
    )
    yield engine
    await engine.close()


@pytest.fixture
async def store(engine: Engine) -> Store:
    """Return an empty store of each engine."""
    return (await engine.open())[0]
