"""A copy of the file, of one instant, made while the writer goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import trio

from harpcaller.store import Told, Unavailable
from harpcaller.store.sqlite import schema

_PAGES = 2048  # a step, 8 MiB: then it is told, and may be broken off


async def back_up(directory: Path, path: Path, tell: Told | None) -> None:
    """Copy the tables in `directory` to the new file `path`; see `Store.backup`."""
    await trio.to_thread.run_sync(_make_file, path)
    try:
        with _copying(directory, path) as copy:
            while not copy.done:
                await trio.to_thread.run_sync(copy.step, _PAGES)
                if tell is not None:
                    await tell(copy.page_count - copy.remaining, copy.page_count)
        await trio.to_thread.run_sync(_make_durable, path)
    except apsw.Error as error:
        _remove(path)
        raise Unavailable(f"{path}: {error}") from error
    except BaseException:
        _remove(path)
        raise


def _make_file(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def _copying(directory: Path, path: Path) -> Iterator[apsw.Backup]:
    source, copy = schema.open_reader(directory), apsw.Connection(str(path))
    try:
        # A read transaction for the whole of it: else each commit of the writer's
        # would have it begin again, and under load it would never end.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM meta").fetchall()
        copy.execute("PRAGMA synchronous = OFF")  # it is synced once, at the end
        with copy.backup("main", source, "main") as backup:
            yield backup
    finally:
        copy.close()
        source.close()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _make_durable(path: Path) -> None:
    for part in (path, path.parent):  # the file, and its name
        file = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
