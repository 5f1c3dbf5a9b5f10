"""The store's file: how it is opened, and which version its tables have."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import apsw

from harpcaller.store import StoreError

DATABASE = "jobs.db"
_PACKAGE = "harpcaller.store.sqlite.migrations"
STRANGER_MS = 1000  # how long a stranger with a tool of SQLite's may lock us out
_CACHE_KIB = 32 * 1024
_WAL_LIMIT_BYTES = 64 * 1024 * 1024


class TooNew(StoreError):
    """The store was written by a newer program."""


def open_writer(directory: Path) -> apsw.Connection:
    """Return the one connection that writes, to tables of the newest version.

    Raises:
        TooNew: this program does not know the version that it found.
    """
    path = directory / DATABASE
    # SQLite gives its -wal and -shm files the rights of the database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = apsw.Connection(str(path))
    db.set_busy_timeout(STRANGER_MS)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first table
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # What is deleted is overwritten: sealed values do not linger in free pages.
    db.execute("PRAGMA secure_delete = ON")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    db.execute("PRAGMA temp_store = MEMORY")
    migrate(db, migrations())
    return db


def open_reader(directory: Path) -> apsw.Connection:
    """Return a connection that cannot write."""
    db = apsw.Connection(str(directory / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    db.execute("PRAGMA query_only = ON")
    return db


def migrations() -> list[str]:
    """Return the steps from an empty file to the newest version, in order."""
    scripts = resources.files(_PACKAGE).iterdir()
    steps = sorted((s for s in scripts if s.name.endswith(".sql")), key=_name)
    return [step.read_text(encoding="utf-8") for step in steps]


def migrate(db: apsw.Connection, steps: list[str]) -> None:
    """Bring the tables to version `len(steps)`, all steps or none.

    Raises:
        TooNew: they have a higher version.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        _migrate(db, steps)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _migrate(db: apsw.Connection, steps: list[str]) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value)")
    found = db.execute("SELECT value FROM meta WHERE name = 'schema_version'").get
    version = found or 0
    if version > len(steps):
        raise TooNew(
            f"the store has format {version}, this program knows {len(steps)}:"
            " start the newer program, or restore a backup of before its start"
        )
    for step in steps[version:]:
        db.execute(step)
    db.execute(
        "INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (len(steps),)
    )


def _name(script: resources.abc.Traversable) -> str:
    return script.name
